import { Option, type Command } from 'commander'
import { ShoalError } from '@shoal/host'
import { addCommonOptions, addExamples, type CommonFlags } from '../cli/options.ts'

interface PlanFlags extends CommonFlags {
  readonly model: string
  readonly devices: string
  readonly objective: string
  readonly explain?: boolean
}

export function addPlanCommand(program: Command): void {
  const command = program
    .command('plan')
    .description('the planner on paper: who would hold what, and how fast it would be')
    .requiredOption('--model <REF>', 'a folder in Hugging Face layout, or demo')
    .requiredOption('--devices <FILE>', 'JSON: the devices and their links')
    .addOption(new Option('--objective <KIND>', 'what to plan for').choices(['latency', 'throughput', 'balanced']).default('latency'))
    .option('--explain', 'what each device adds')
  addCommonOptions(command).action(plan)
  addExamples(command, ['shoal plan --model demo --devices devices.json --explain'])
}

function plan(_flags: PlanFlags): never {
  throw new ShoalError('not-found', 'shoal plan is not part of this installation yet: shoal status --join … shows the plan of a running swarm')
}
