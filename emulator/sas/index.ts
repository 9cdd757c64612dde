export { isPolicyToken, isSignedByPolicy, policyKey, tokenFor, type SasContext } from './policyKeys';
export { isSasToken, isSignedBy, parseSasToken, SAS_GRACE_S, scopeCovers } from './sasToken';
