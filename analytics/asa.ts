#!/usr/bin/env node
/** The executable of the command `asa`. */

import { main } from './cli';

void main(process.argv.slice(2));
