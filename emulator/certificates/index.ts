export { issueLeafCertificate } from './leafCertificate';
export { openLocalCa, type LocalCa } from './localCa';
export { readTrustedCas } from './trustedCas';
