import { main } from './cli';

/** The command of the package. The build adds the first line (`#!`) that makes it executable. */
void main(process.argv.slice(2));
