# parkwatch: make, make check, make install PREFIX=/usr DESTDIR=...
# V=1 shows commands, SAN=1 builds with ASan and UBSan into build/san, FUZZ=1 for libFuzzer into
# build/fuzz.

VERSION := 0.1.0

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
UNITDIR ?= $(PREFIX)/lib/systemd/system
DEFAULTS := /etc/default/parkwatch
ifeq ($(origin CC),default)
CC := gcc
endif
CLANG ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PKG_CONFIG ?= pkg-config
CLANG_FORMAT ?= clang-format
CLANG_TIDY ?= clang-tidy

# Where Debian has the headers of this architecture; clang has another name for it.
ARCH_INCLUDES := /usr/include/$(shell $(CC) -dumpmachine)

ifeq ($(SAN),1)
BUILD := build/san
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else ifeq ($(FUZZ),1)
BUILD := build/fuzz
CC := $(CLANG)
SANITIZE := -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
else
BUILD := build
endif

ifeq ($(V),1)
Q :=
msg =
else
Q := @
msg = @printf '  %-8s %s\n' '$(1)' '$(2)';
endif

.DELETE_ON_ERROR:
.SUFFIXES:

# What has to be there: pkg-config name or header, and Debian's package.
PACKAGES := libbpf:libbpf-dev libelf:libelf-dev libdw:libdw-dev libmicrohttpd:libmicrohttpd-dev \
	libcap-ng:libcap-ng-dev libseccomp:libseccomp-dev zlib:zlib1g-dev \
	ncursesw:libncurses-dev gnutls:libgnutls28-dev libcrypt:libcrypt-dev yaml-0.1:libyaml-dev \
	libdeflate:libdeflate-dev
TOOLS := $(CC):gcc $(CLANG):clang $(BPFTOOL):bpftool $(PKG_CONFIG):pkg-config

MISSING := $(strip \
	$(foreach t,$(TOOLS),$(if $(shell command -v $(firstword $(subst :, ,$(t)))),,$(lastword $(subst :, ,$(t))))) \
	$(foreach p,$(PACKAGES),$(if $(shell $(PKG_CONFIG) --exists $(firstword $(subst :, ,$(p))) 2>/dev/null && echo y),,$(lastword $(subst :, ,$(p))))) \
	$(if $(wildcard /usr/include/libiberty/demangle.h),,libiberty-dev))
ifneq ($(filter-out clean format install uninstall,$(or $(MAKECMDGOALS),all)),)
ifneq ($(MISSING),)
$(error missing: apt-get install $(sort $(MISSING)))
endif
endif

LIBS := libbpf libelf libdw libmicrohttpd libcap-ng libseccomp zlib ncursesw gnutls libcrypt \
	yaml-0.1 libdeflate
CPPFLAGS += -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DPARKWATCH_VERSION='"$(VERSION)"' \
	-I. -Iuser -I$(BUILD)/gen $(shell $(PKG_CONFIG) --cflags $(LIBS))
CFLAGS ?= -O2 -g
WARNINGS := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wtype-limits -Wvla -Wformat=2 -Wundef -Werror=implicit-function-declaration
HARDEN := -fstack-protector-strong -fPIE $(if $(SANITIZE),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
ALL_CFLAGS = -std=gnu17 $(WARNINGS) $(HARDEN) $(SANITIZE) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(SANITIZE) $(LDFLAGS)
LDLIBS := $(shell $(PKG_CONFIG) --libs $(LIBS)) -liberty -lm

SOURCES := $(sort $(wildcard user/*.c user/*/*.c user/*/*/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/obj/%.o)
LIBRARY := $(BUILD)/libparkwatch.a
PROGRAM := $(BUILD)/parkwatch
SKELETON := $(BUILD)/gen/parkwatch.skel.h
SYSCALLS := $(BUILD)/gen/syscalls.inc
ASSETS_DIR := user/monitor/assets
ASSETS := $(sort $(shell cd $(ASSETS_DIR) && find . -type f -printf '%P\n'))
ASSETS_LIST := $(BUILD)/gen/assets.inc

UNIT_SOURCES := $(sort $(wildcard tests/unit/*.c tests/unit/*/*.c tests/unit/*/*/*.c))
UNIT_TESTS := $(UNIT_SOURCES:tests/unit/%.c=$(BUILD)/unit/%)
GUARDS := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(sort $(wildcard tests/bench/guard_*.c)))
FUZZ_TARGETS := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FIXTURES := $(patsubst tests/fixtures/%.c,$(BUILD)/fixtures/%,$(sort $(wildcard tests/fixtures/*.c)))

.PHONY: all fixtures guards check unit live bench soak nightly fuzz lint format install uninstall clean
all: $(PROGRAM)

$(PROGRAM): $(BUILD)/obj/user/main.o $(LIBRARY)
	$(call msg,LINK,$@)
	$(Q)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(filter-out $(BUILD)/obj/user/main.o,$(OBJECTS))
	$(call msg,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/obj/%.o: %.c | $(SYSCALLS)
	$(call msg,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The only object that includes the skeleton.
$(BUILD)/obj/user/probe/bpf.o: $(SKELETON)

# System headers come last (-idirafter), so that clang's own stdint and the like win for the BPF target.
BPF_INCLUDES := $(shell $(CLANG) -print-resource-dir 2>/dev/null)/include
$(BUILD)/gen/parkwatch.bpf.o: bpf/parkwatch.bpf.c $(wildcard bpf/*.h)
	$(call msg,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) -target bpf -D__TARGET_ARCH_x86 -O2 -g -Wall -Wextra -Wno-unused-parameter -I. -Ibpf \
		-isystem $(BPF_INCLUDES) -idirafter $(ARCH_INCLUDES) \
		-c -o $@ $<

$(SKELETON): $(BUILD)/gen/parkwatch.bpf.o
	$(call msg,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name parkwatch_bpf > $@

# "X(202, futex)" for each syscall that the C library's header knows.
$(SYSCALLS): Makefile
	$(call msg,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)printf '#include <asm/unistd.h>\n' | $(CC) -E -dM - | \
		sed -n 's/^#define __NR_\([a-z0-9_]*\) \([0-9]*\)$$/X(\2, \1)/p' | sort -t'(' -k2n > $@

# The built-in page is part of the program, as it is and compressed. The directories are named for
# files that go.
$(BUILD)/obj/user/monitor/assets.o: $(ASSETS_LIST) $(ASSETS:%=$(ASSETS_DIR)/%) \
	$(ASSETS:%=$(BUILD)/gen/assets/%.gz)

$(ASSETS_LIST): Makefile $(ASSETS:%=$(ASSETS_DIR)/%) $(shell find $(ASSETS_DIR) -type d)
	$(call msg,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)printf '%s\n' $(ASSETS) | awk '{ printf "X(%d, \"%s\")\n", NR, $$0 }' > $@

$(BUILD)/gen/assets/%.gz: $(ASSETS_DIR)/%
	$(call msg,GZIP,$@)
	$(Q)mkdir -p $(@D)
	$(Q)gzip -9nc $< > $@

$(BUILD)/unit/%: tests/unit/%.c $(LIBRARY)
	$(call msg,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests/unit $(ALL_CFLAGS) -Werror=unused-function -MMD -MP $(ALL_LDFLAGS) \
		-o $@ $< $(LIBRARY) $(LDLIBS) -lcmocka -ljansson

# Programs whose instructions scripts/guard.sh counts.
$(BUILD)/bench/guard_%: tests/bench/guard_%.c $(LIBRARY)
	$(call msg,GUARD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) -Itests/unit $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(LIBRARY) \
		$(LDLIBS) -lcmocka

# Fixtures are ordinary programs: no frame pointers, debug information apart from the sanitizers.
# One that needs other flags names them in a line "// CFLAGS: ...".
$(BUILD)/fixtures/%: tests/fixtures/%.c tests/fixtures/fixture.h
	$(call msg,FIXTURE,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -std=gnu17 -O1 -g -fomit-frame-pointer -fno-optimize-sibling-calls -Wall -Wextra \
		-D_GNU_SOURCE -o $@ $< $$(sed -n 's|^// CFLAGS: ||p' $<) -pthread

fixtures: $(FIXTURES)
guards: $(GUARDS)

# Unit tests always run under the sanitizers and need no root; live tests need root.
check: unit live

unit:
	$(Q)$(MAKE) --no-print-directory SAN=1 unit-run

.PHONY: unit-programs unit-run
unit-programs: $(UNIT_TESTS)

unit-run: $(UNIT_TESTS)
	$(Q)scripts/unit.sh $^

live: all fixtures
	$(Q)scripts/live.sh

# make fuzz T=cfi FUZZ_SECONDS=600; without T: every target. See tests/fuzz/README.md.
FUZZ_SECONDS ?= 60
fuzz:
	$(Q)scripts/fuzz.sh $(FUZZ_SECONDS) $(T)

.PHONY: fuzz-targets
fuzz-targets: $(FUZZ_TARGETS)

$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(LIBRARY)
	$(call msg,FUZZ,$@)
	$(Q)$(CC) $(CPPFLAGS) -Itests/unit -Itests/fuzz $(ALL_CFLAGS) -MMD -MP $(ALL_LDFLAGS) \
		-fsanitize=fuzzer -o $@ $< $(LIBRARY) $(LDLIBS) -lcmocka -ljansson

# The table of README's Cost; ARGS=--json, ARGS="--part hour".
bench: all fixtures
	$(Q)tests/bench/run.sh $(ARGS)

SOAK_SECONDS ?= 3600
soak: all fixtures
	$(Q)scripts/soak.sh $(SOAK_SECONDS)

# Ten minutes of soak, and all kernels.
nightly: all fixtures
	$(Q)scripts/soak.sh 600
	$(Q)scripts/run-in-vm.sh

format:
	$(Q)$(CLANG_FORMAT) -i $(filter %.c %.h,$(shell git ls-files))

lint:
	$(Q)scripts/lint.sh

install: all
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(BINDIR)/parkwatch
	install -D -m 644 deploy/parkwatch@.service $(DESTDIR)$(UNITDIR)/parkwatch@.service
	sed -i 's|^ExecStart=[^ ]*|ExecStart=$(BINDIR)/parkwatch|' $(DESTDIR)$(UNITDIR)/parkwatch@.service
	[ -e $(DESTDIR)$(DEFAULTS) ] || install -D -m 644 deploy/parkwatch.default $(DESTDIR)$(DEFAULTS)

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/parkwatch $(DESTDIR)$(UNITDIR)/parkwatch@.service

clean:
	rm -rf build

-include $(OBJECTS:.o=.d) $(UNIT_TESTS:=.d) $(GUARDS:=.d) $(FUZZ_TARGETS:=.d)
