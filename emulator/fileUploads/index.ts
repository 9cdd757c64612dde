export { openBlobStorages, type BlobStorage } from './blobStorage';
export { createFileUploads, FILE_NOTIFICATION_CONTENT_TYPE, type FileUploads } from './fileUploads';
export { BLOB_PATH, createBlobForwarder } from './forwardBlobs';
