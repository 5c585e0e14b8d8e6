// SPDX-License-Identifier: Apache-2.0
// Seven sites have layers of their own, and the rest one; colours stay; where no scan was is a gap.

function site(name, counts, more) {
    return { site: name, kind: "thread", reason: "read", idle: false, counts, ...more };
}

const layers = new m.Layers();
const sites = [..."abcdefghi"].map((name, i) => site(name, [null, 10 - i])); // 10 to 2
const idle = site("idle", [9, 9], { idle: true });
const other = site("other", [null, 1], { kind: null });

layers.update([...sites, idle, other]);
const names = layers.list().map((layer) => layer.name);
same(names, ["a", "b", "c", "d", "e", "f", "g", "other sites"]);
const stacked = layers.stacked(2);
same(stacked.length, m.LAYERS_MAX);
same(stacked[0], [null, 10 + 9 + 8 + 7 + 6 + 5 + 4 + (3 + 2 + 1)]);
same(stacked[m.LAYERS_MAX - 1], [null, 10]);
same(layers.colorOf(idle), null);
same(layers.colorOf(sites[8]), null);

const before = layers.colorOf(sites[3]);
layers.update([...sites.slice(1), site("new", [null, 100])]);
same(layers.colorOf(sites[3]), before);
same(layers.colorOf(site("new")), 0); // what "a" had
