import { resolve } from 'node:path'
import { checkFloors } from './floors.ts'

const src = resolve(process.argv[2] ?? `${import.meta.dirname}/../src`)
const report = checkFloors(src)

for (const note of report.notes) console.log(`note: ${note}`)
for (const problem of report.problems) console.error(`problem: ${problem}`)
if (report.files === 0) console.error(`problem: no file found in ${src}`)
console.log(`floors: ${report.files} files, ${report.problems.length} problems, ${report.notes.length} notes`)
process.exitCode = report.problems.length > 0 || report.files === 0 ? 1 : 0
