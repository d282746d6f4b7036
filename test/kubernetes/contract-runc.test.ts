import { describeContract } from './contract.js'

describeContract('runc')
