import { main } from './cli';

/** The package's command. The first line that makes it executable comes from the build. */
void main(process.argv.slice(2));
