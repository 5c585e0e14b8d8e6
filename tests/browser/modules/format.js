// SPDX-License-Identifier: Apache-2.0
// Numbers as people write them.

same(m.count(14235), "14,235");
same(m.count(null), "–");
same(m.counted(1, "stack"), "1 stack");
same(m.counted(1012, "stack"), "1,012 stacks");
same(m.counted(1, "futex"), "1 futex");
same(m.counted(3, "futex"), "3 futexes");
same(m.counted(2, "end of a thread", "ends of threads"), "2 ends of threads");

same(m.bytes(0), "0 B");
same(m.bytes(1023), "1,023 B");
same(m.bytes(1048575), "1.00 MiB");
same(m.bytes(29150412), "27.8 MiB");
same(m.bytes(2040109466), "1.90 GiB");
same(m.bytes(2 ** 60), "1,024 PiB");
same(m.rate(999), "999 B/s");
same(m.rate(1234), "1.23 kB/s");
same(m.shortBytes(16777216), "16 MiB");
same(m.shortRate(1500), "1.5 kB/s");
same(m.shortCpu(0.025), "2.5 %");
same(m.cpu(0.004), "0.4 %");
same(m.cpu(3.99), "399 %");

same(m.share(1, 100000), "< 0.1 %");
same(m.share(1, 3), "33.3 %");
same(m.share(0, 0), "0.0 %");
same(m.share(9999, 10000), "100 %");

same(m.duration(-1), "0 ms");
same(m.duration(0.0404), "40 ms");
same(m.duration(1.99), "1.9 s"); // cut: no age is said to be more than it is
same(m.duration(59.9), "59 s");
same(m.duration(60), "1 min");
same(m.duration(10279), "2 h 51 min");
same(m.duration(277200), "3 d 5 h");
same(m.exact(0.5), "500 ms");
same(m.exact(1.5), "1.5 s");
same(m.exact(30), "30 s");
same(m.exact(90), "1 min 30 s");

const noon = new Date(2026, 10, 3, 12, 4, 5).getTime() / 1000;
same(m.clock(noon), "12:04:05");
same(m.clock(noon, false), "12:04");
same(m.moment(noon, noon + 60), "12:04:05");
same(m.moment(noon, noon + 86400), "3 Nov 12:04:05");
same(m.day(noon), "3 Nov 12:04");

same(m.splitSite("main.f leak.go:69"), ["main.f", "leak.go:69"]);
same(m.splitSite("alone"), ["alone", ""]);
same(m.splitSite("std::f(int, char)"), ["std::f(int, char)", ""]);
same(m.splitSite("std::f(int, char) f.cc:3"), ["std::f(int, char)", "f.cc:3"]);

const nameless = { module: "/usr/lib/libx.so.2", offset: "0x10", address: "0x7f" };
same(m.frameName(nameless), "libx.so.2+0x10");
same(m.frameName({ address: "0x7f" }), "0x7f");
same(m.framePlace({ function: "f", file: "/a/b.c", line: 3 }), "b.c:3");
same(m.framePlace({ function: "f", file: null, module: "/lib/libc.so.6" }), "libc.so.6");
same(m.framePlace(nameless), "");
