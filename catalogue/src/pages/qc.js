// QC: statuses, each with a shape of its own beside its color.
import { h, number } from "../dom.js";

const MARKS = { Pass: ["●", "pass"], Fail: ["✕", "fail"], Pending: ["◆", "pending"] };
const ORDER = ["Fail", "Pending", "Pass"];

/** Returns the mark of a status. */
export function mark(status) {
  const [sign, name] = MARKS[status] ?? ["○", "unknown"];
  return h("span", { class: `mark ${name}` }, `${sign} ${status ?? "no status"}`);
}

/** Returns the class and sign of the worst of some statuses. */
export function worst(statuses) {
  const status = ORDER.find((one) => statuses.includes(one));
  return [status, ...(MARKS[status] ?? ["○", "unknown"])];
}

/** Returns how many of some statuses there are of each, as marks. */
export function tally(statuses) {
  const counts = new Map();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  const order = [...ORDER, ...[...counts.keys()].filter((one) => !ORDER.includes(one))];
  return order.filter((one) => counts.has(one)).map((one) => {
    const [sign, name] = MARKS[one] ?? ["○", "unknown"];
    return h("span", { class: `mark ${name}`, title: `${number(counts.get(one))} ${one ?? "no status"}` }, `${sign} ${number(counts.get(one))} ${one ?? "no status"}`);
  });
}
