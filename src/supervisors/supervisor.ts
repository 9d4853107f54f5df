import {
  type ChildSpec,
  ChildSpecError,
  type ChildSpecOptions,
  type ResolvedChildSpec,
  resolveChildSpec,
  type StartContext,
} from '../core/child-spec.ts'
import { describe } from '../core/errors.ts'
import { type SupervisorActorRef, supervisionOf, supervisorLogic } from './logic.ts'
import { checkSupervisorOptions, ownSpec, resolveRestartOptions, type SupervisorOptions } from './options.ts'
import { checkSignificant, StaticSupervision } from './static-supervision.ts'
import type { AutoShutdown } from './strategies.ts'

/** A {@link ChildSpec} whose actor is a supervisor. */
export interface SupervisorSpec extends ChildSpec {
  start(context: StartContext): Promise<SupervisorActorRef>
}

/**
 * A supervisor with a list of children: started in order, stopped in reverse, restarted by its strategy. Its start is
 * through when all children are up.
 *
 * @param id its id among its siblings, and its name when it is listed in a tree
 * @param options see {@link SupervisorOptions}; beside them the fields of its own child spec
 */
export function supervisor(id: string, options: SupervisorOptions & ChildSpecOptions = {}): SupervisorSpec {
  checkSupervisorOptions(options, id)
  const { strategy = 'one_for_one', autoShutdown = 'never', children = [] } = options
  const specs = resolveList(children, autoShutdown, id)
  const shared = resolveRestartOptions(options)
  return {
    id,
    ...ownSpec(options),
    async start({ spawn, services, listed }) {
      const logic = supervisorLogic(
        (scope) =>
          new StaticSupervision(scope, {
            ...shared,
            id,
            services,
            listed,
            strategy,
            autoShutdown,
            children: specs,
          }),
      )
      const ref = spawn(logic, { id })
      await (supervisionOf(ref) as StaticSupervision).ready
      return ref
    },
  }
}

function resolveList(
  children: readonly ChildSpec[],
  autoShutdown: AutoShutdown,
  id: string,
): ResolvedChildSpec[] {
  const ids = new Set<string>()
  return children.map((given) => {
    const spec = resolveChildSpec(given)
    checkSignificant(spec, autoShutdown)
    if (ids.has(spec.id)) {
      throw new ChildSpecError(
        'duplicate_child_name',
        `expected each id once among the children of supervisor "${id}", got ${describe(spec.id)} twice`,
      )
    }
    ids.add(spec.id)
    return spec
  })
}
