/** The values of a list, waiting only if some of it is not there yet: a promise for each of many costs more than most checks. */
export function settled<Value>(list: readonly (Value | Promise<Value>)[]): readonly Value[] | Promise<Value[]> {
  return list.some((value) => value instanceof Promise) ? Promise.all(list) : (list as readonly Value[]);
}
