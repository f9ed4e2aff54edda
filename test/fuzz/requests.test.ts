import { fuzzRequests } from './random-requests.ts'

// The same ones each time: what is new is looked for in requests.long.test.ts.
fuzzRequests({ runs: 1_500, seed: 36 })
