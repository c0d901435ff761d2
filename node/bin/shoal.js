#!/usr/bin/env node
// JavaScript that every Node of the last ten years reads, so that an old Node can still say what is wrong with it.
const parts = process.versions.node.split('.').map(Number)
if (parts[0] < 22 || (parts[0] === 22 && parts[1] < 18)) {
  process.stderr.write(
    'shoal needs Node 22.18 or newer, and this is ' +
      process.versions.node +
      '; get one from https://nodejs.org\n',
  )
  process.exit(1)
} else {
  void import('../src/main.ts')
}
