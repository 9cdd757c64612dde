export { isPolicyToken, policyKey, tokenFor, type SasContext } from './policyKeys';
export { isSignedBy, parseSasToken, scopeCovers } from './sasToken';
