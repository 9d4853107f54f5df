/** Imported before an example: one that does not end by itself is a failure, not a build that hangs. */
setTimeout(() => {
  console.error('still running after 30 seconds')
  process.exit(1)
}, 30_000).unref()
