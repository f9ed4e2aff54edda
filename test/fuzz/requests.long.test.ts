import { fuzzRequests } from './random-requests.ts'

fuzzRequests({ runs: 30_000 })
