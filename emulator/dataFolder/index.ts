export { DataFolderError } from './dataFolderError';
export { openJournalFolder, openStorage, type HubStorage } from './dataFolder';
export { NO_JOURNAL, type Change, type Journal } from './journal';
