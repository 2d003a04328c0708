/** A process of a sweep: takes one task after the other and answers with what came of it. Ends when its parent does. */
import { outcomeOf, type SimTask } from './sweep.ts';

process.on('message', (task: SimTask) => {
  void outcomeOf(task).then((outcome) => process.send?.(outcome));
});
process.on('disconnect', () => process.exit());
