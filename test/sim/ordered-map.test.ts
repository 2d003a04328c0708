import fc from 'fast-check';
import { expect, test } from 'vitest';
import { OrderedMap } from '../../src/sim/ordered-map.ts';

const key = fc.string({ minLength: 1, maxLength: 2, unit: fc.constantFrom('a', 'b', 'c', '\u00ff') });
const step = fc.record({ key, value: fc.option(fc.nat(255)), walks: fc.boolean() });

test('is a map that is walked in order, whatever came and went', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), key, key, (steps, one, other) => {
      const map = new OrderedMap();
      const model = new Map<string, number>();
      const [low, high] = [one, other].sort() as [string, string];
      const inRange = () => [...model.keys()].filter((name) => name >= low && name < high).sort();
      for (const { key: name, value, walks } of steps) {
        expect(map.set(name, value === null ? undefined : Uint8Array.of(value))?.[0]).toBe(model.get(name));
        if (value === null) model.delete(name);
        else model.set(name, value);
        if (!walks) continue;
        expect(map.first(low, high)?.[0]).toBe(inRange()[0]);
        expect(map.first(low, high, true)?.[0]).toBe(inRange().find((found) => found > low));
        expect(map.last(low, high)?.[0]).toBe(inRange().at(-1));
      }
      const walked: string[] = [];
      for (let found = map.first(low, high); found; found = map.first(found[0], high, true)) walked.push(found[0]);
      expect(walked).toEqual(inRange());
    }),
  );
});
