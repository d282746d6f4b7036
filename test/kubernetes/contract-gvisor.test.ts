import { describeContract } from './contract.js'

describeContract('runsc')
