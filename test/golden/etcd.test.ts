import { goldenSuite } from './suite.ts'

goldenSuite('etcd')
