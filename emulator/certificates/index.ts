export { issueLeafCertificate } from './leafCertificate';
export { openLocalCa, type LocalCa } from './localCa';
