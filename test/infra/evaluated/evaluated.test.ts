// One file, so that the parameter sets are compiled once: each test file may run in a process of its own.
import './asaproj';
import './deployment';
import './facts';
import './options';
