/** Prints `N passed, N failed` from the runner's report, and nothing else. A run that left no report has failed. */
import { existsSync, readFileSync } from 'node:fs';

const file = process.argv[2];
const report = file && existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { numPassedTests: 0, numFailedTests: 1, testResults: [] };
// A file that cannot be loaded has no tests to count, and has failed.
const broken = report.testResults.filter(({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed')).length;
process.stdout.write(`${report.numPassedTests} passed, ${report.numFailedTests + broken} failed\n`);
