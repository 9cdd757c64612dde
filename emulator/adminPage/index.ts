export { PAGE_FILES, pageResponse } from './adminPage';
