// SPDX-License-Identifier: Apache-2.0
// Choices go into the fragment and come back; what is not a choice is ignored.

same(m.compose(m.parse("")), "");
same(m.compose(m.parse("#sort=count&dir=desc&view=table")), "");
const full = "target=a%26b&stack=00ff&q=x%20y&kind=thread&view=flame";
same(m.compose(m.parse(`#${full}`)), full);

same(m.parse("#target=g++&q=a%2Bb").target, "g++");
same(m.parse("#target=g++&q=a%2Bb").q, "a+b");
same(m.parse(`#${m.compose({ ...m.DEFAULTS, q: "a+b c" })}`).q, "a+b c");

const strange = m.parse("#sort=__proto__&kind=daemon&view=x&constructor=1");
same([strange.sort, strange.kind, strange.view], ["count", "", "table"]);
same(Object.keys(strange), Object.keys(m.DEFAULTS));
