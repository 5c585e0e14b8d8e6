/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the test program's own code, and files that are not what they should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <elfutils/libdwelf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

#include "buildid.h"
#include "cleanup.h"
#include "self.h"

static uint64_t code_address(void (*function)(void))
{
    uint64_t address;

    memcpy(&address, &function, sizeof(address));
    return address;
}

static size_t name_of(struct self *self, uint64_t pc, bool activation,
                      struct frame frames[static SYMBOL_INLINE_MAX])
{
    struct raw_frame raw = {.pc = pc, .activation = activation};

    return unwinder_symbolize(self->unwinder, &raw, frames);
}

static int start(void **state)
{
    struct self *self = calloc(1, sizeof(*self));

    self_start(self);
    *state = self;
    return 0;
}

static int end(void **state)
{
    struct self *self = *state;

    self_stop(self);
    free(self);
    return 0;
}

static uint64_t return_address; /* of the call in look() */
static int inner_line, outer_line;

static __attribute__((noinline)) void look(void)
{
    return_address = (uint64_t)__builtin_return_address(0);
}

static inline __attribute__((always_inline)) void inner(void)
{
    inner_line = __LINE__ + 1;
    look();
    __asm__ volatile("" ::: "memory");
}

static __attribute__((noinline)) void outer(void)
{
    outer_line = __LINE__ + 1;
    inner();
    __asm__ volatile("" ::: "memory");
}

static void assert_here(const struct frame *frame, const char *function, int line)
{
    assert_non_null(frame->function);
    assert_string_equal(frame->function, function);
    assert_non_null(frame->file);
    assert_string_equal(strrchr(frame->file, '/'), strrchr("/" __FILE__, '/'));
    assert_int_equal(frame->line, line);
    assert_string_equal(frame->module, "test_symbolize");
}

static void test_inlined_frames(void **state)
{
    struct frame frames[SYMBOL_INLINE_MAX];

    outer();
    assert_int_equal(name_of(*state, return_address, false, frames), 2);
    assert_here(&frames[0], "inner", inner_line);
    assert_here(&frames[1], "outer", outer_line);
    assert_int_equal(frames[0].inlined, 1);
    assert_int_equal(frames[1].inlined, 0);
    assert_int_equal(frames[0].address, return_address);
    assert_int_equal(frames[1].address, return_address);
}

static void test_offset_is_the_files_address(void **state)
{
    extern const char __executable_start[]; /* by the linker: where address 0 of a PIE is */
    struct frame frames[SYMBOL_INLINE_MAX];

    name_of(*state, code_address(look), true, frames);
    assert_int_equal(frames[0].offset, code_address(look) - (uint64_t)__executable_start);
}

static void test_build_id_is_the_files(void **state)
{
    AUTO_CLOSE int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct frame frames[SYMBOL_INLINE_MAX];
    char text[BUILD_ID_TEXT_MAX];
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
    const void *build_id;
    ssize_t size = dwelf_elf_gnu_build_id(elf, &build_id);

    if (size <= 0)
        skip();
    assert_true(buildid_format(build_id, (size_t)size, text));
    elf_end(elf);
    name_of(*state, code_address(look), true, frames);
    assert_string_equal(frames[0].build_id, text);
    name_of(*state, 0x10, true, frames);
    assert_null(frames[0].build_id);
}

static void test_cached_names_are_the_same(void **state)
{
    struct frame first[SYMBOL_INLINE_MAX], second[SYMBOL_INLINE_MAX];
    struct self *self = *state;
    size_t n;

    outer();
    n = name_of(self, return_address, false, first);
    assert_int_equal(name_of(self, return_address, false, second), n);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(first[i].function, second[i].function);
        assert_ptr_equal(first[i].file, second[i].file);
    }
    assert_int_equal(self->n_opens, 1);
}

/* Names of functions are the symbol table's, and no file but the module's own is looked for. */
static void test_careful_reads_no_debug_information(void **state)
{
    struct frame frames[SYMBOL_INLINE_MAX];
    struct self *self = *state;

    self_stop(self);
    self_start_as(self, true);
    outer();
    assert_int_equal(name_of(self, return_address, false, frames), 1);
    assert_string_equal(frames[0].function, "outer");
    assert_null(frames[0].file);
    assert_int_equal(frames[0].line, 0);
    name_of(self, code_address(tzset), true, frames);
    assert_string_equal(frames[0].function, "tzset");
    assert_null(frames[0].file);
    assert_int_equal(self->n_debug, 0);
}

/* What was named before costs no look into files, and keeps none open. */
static void test_files_are_closed_when_there_is_nothing_to_name(void **state)
{
    struct frame frames[SYMBOL_INLINE_MAX];
    struct self *self = *state;
    uint64_t now = 1000;

    outer();
    name_of(self, code_address(outer), true, frames); /* before it was told any time */
    unwinder_rest(self->unwinder, now);
    unwinder_rest(self->unwinder, now += UNWIND_REST_NS - 1);
    name_of(self, code_address(look), true, frames);
    assert_int_equal(self->n_opens, 1);
    unwinder_rest(self->unwinder, now += 1);
    unwinder_rest(self->unwinder, now += UNWIND_REST_NS - 1);
    name_of(self, code_address(outer), true, frames);
    unwinder_rest(self->unwinder, now + 1);
    name_of(self, code_address(look), true, frames);
    assert_string_equal(frames[0].function, "look");
    assert_int_equal(self->n_opens, 1);
    assert_int_equal(name_of(self, return_address, false, frames), 2);
    assert_here(&frames[0], "inner", inner_line);
    assert_here(&frames[1], "outer", outer_line);
    assert_int_equal(self->n_opens, 2);
}

/* Symbols as assemblers leave them: no debug information, and not always a size. */
void sized_stub(void);
void label_stub(void);
__asm__(".pushsection .text.stubs, \"ax\", @progbits\n"
        ".globl sized_stub\n"
        ".type sized_stub, @function\n"
        "sized_stub: .skip 16, 0x90\n"
        ".size sized_stub, 16\n"
        ".skip 64, 0x90\n"
        ".globl label_stub\n"
        "label_stub: .skip 4096, 0x90\n"
        ".popsection\n");

static const char *function_at(struct self *self, uint64_t pc)
{
    struct frame frames[SYMBOL_INLINE_MAX];

    assert_int_equal(name_of(self, pc, true, frames), 1);
    assert_string_equal(frames[0].module, "test_symbolize");
    return frames[0].function;
}

static void test_symbol_ends_with_its_size(void **state)
{
    uint64_t stub = code_address(sized_stub);

    assert_string_equal(function_at(*state, stub), "sized_stub");
    assert_string_equal(function_at(*state, stub + 15), "sized_stub");
    assert_null(function_at(*state, stub + 16));
    assert_null(function_at(*state, stub + 79));
}

static void test_label_reaches_a_short_way(void **state)
{
    uint64_t stub = code_address(label_stub);

    assert_string_equal(function_at(*state, stub), "label_stub");
    assert_string_equal(function_at(*state, stub + 8), "label_stub");
    assert_null(function_at(*state, stub + 4000));
}

static void test_vdso_is_read_from_memory(void **state)
{
    void *vdso = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
    struct frame frames[SYMBOL_INLINE_MAX];
    struct self *self = *state;
    void *function;

    if (!vdso)
        skip();
    function = dlsym(vdso, "__vdso_clock_gettime");
    name_of(self, (uint64_t)function + 1, true, frames);
    assert_string_equal(frames[0].module, "[vdso]");
    assert_non_null(frames[0].function);
    assert_non_null(strstr(frames[0].function, "clock_gettime"));
    assert_int_equal(self->n_opens, 0);
    dlclose(vdso);
}

static void test_unknown_address(void **state)
{
    struct frame frames[SYMBOL_INLINE_MAX];

    assert_int_equal(name_of(*state, 0x10, true, frames), 1);
    assert_null(frames[0].function);
    assert_null(frames[0].module);
    assert_int_equal(frames[0].address, 0x10);
    assert_int_equal(name_of(*state, 0, false, frames), 1);
}

static void test_same_maps_cost_nothing(void **state)
{
    struct frame frames[SYMBOL_INLINE_MAX];
    struct self *self = *state;
    unsigned int n_opens;

    name_of(self, code_address(look), true, frames);
    n_opens = self->n_opens;
    for (int i = 0; i < 3; i++)
        assert_int_equal(unwinder_set_maps(self->unwinder, &self->maps), 0);
    name_of(self, code_address(outer), true, frames);
    assert_string_equal(frames[0].function, "outer");
    assert_int_equal(self->n_opens, n_opens);
}

/* As after dlclose() of another library: what stays is not opened again. */
static void test_unmapped_module(void **state)
{
    struct frame frames[SYMBOL_INLINE_MAX];
    struct self *self = *state;
    uint64_t there = (uint64_t)dlsym(RTLD_DEFAULT, "_cmocka_run_group_tests");
    uint64_t here = code_address(look);
    struct maps fewer = {.mappings = calloc(self->maps.n, sizeof(struct mapping))};
    const struct mapping *gone = maps_find(&self->maps, there);

    name_of(self, here, true, frames);
    name_of(self, there, true, frames);
    assert_string_equal(frames[0].function, "_cmocka_run_group_tests");
    for (size_t i = 0; i < self->maps.n; i++)
        if (self->maps.mappings[i].inode != gone->inode)
            fewer.mappings[fewer.n++] = self->maps.mappings[i];
    assert_true(fewer.n < self->maps.n);
    self->n_opens = 0;
    assert_int_equal(unwinder_set_maps(self->unwinder, &fewer), 0);
    name_of(self, there, true, frames);
    assert_null(frames[0].module);
    name_of(self, here + 1, true, frames);
    assert_string_equal(frames[0].function, "look");
    assert_int_equal(self->n_opens, 0);

    assert_int_equal(unwinder_set_maps(self->unwinder, &self->maps), 0);
    name_of(self, there, true, frames);
    assert_string_equal(frames[0].function, "_cmocka_run_group_tests");
    assert_int_equal(self->n_opens, 1);
    maps_free(&fewer);
}

/* A target whose only file is `bytes`, mapped executable at 0x10000. */
struct fake {
    struct self self;
    int fd;
};

static int fake_open(void *context, const struct mapping *mapping, int *ret_fd)
{
    struct fake *fake = context;

    (void)mapping;
    fake->self.n_opens++;
    *ret_fd = fake->fd < 0 ? -1 : dup(fake->fd);
    return *ret_fd < 0 ? -ENOENT : 0;
}

static int fake_no_debug(void *context, const char *path, int *ret_fd)
{
    (void)context;
    (void)path;
    (void)ret_fd;
    return -ENOENT;
}

static void look_into_fake(struct fake *fake, struct frame frames[static SYMBOL_INLINE_MAX])
{
    static const char text[] = "10000-20000 r-xp 00000000 08:01 77 /opt/lib/libfake.so.1\n";
    struct unwind_target target = {
        .read = self_read, .open_mapping = fake_open, .open_debug = fake_no_debug, .context = fake};
    uint64_t regs[RECORD_REGS] = {[REGS_IP] = 0x10123, [REGS_SP] = (uint64_t)&regs};
    struct raw_frame raw[2];
    size_t n;

    fake->self = (struct self){0};
    assert_int_equal(unwinder_new(&target, &fake->self.losses, &fake->self.unwinder), 0);
    assert_int_equal(maps_parse(text, strlen(text), &fake->self.maps), 0);
    assert_int_equal(unwinder_set_maps(fake->self.unwinder, &fake->self.maps), 0);
    unwinder_unwind(fake->self.unwinder, regs, NULL, raw, 2, &n);
    assert_true(n >= 1 && raw[0].pc == 0x10123);
    assert_int_equal(name_of(&fake->self, 0x10123, true, frames), 1);
    name_of(&fake->self, 0x10200, true, frames);
    assert_string_equal(frames[0].module, "libfake.so.1");
    assert_int_equal(fake->self.n_opens, 1);
    self_stop(&fake->self);
}

static int memory_file(const void *bytes, size_t size)
{
    int fd = memfd_create("fake", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    return fd;
}

static void test_file_that_cannot_be_opened(void **state)
{
    struct frame frames[SYMBOL_INLINE_MAX];
    struct fake fake = {.fd = -1};

    (void)state;
    look_into_fake(&fake, frames);
    assert_null(frames[0].function);
    assert_int_equal(fake.self.losses.count[LOSS_file_unreadable], 1);
    assert_int_equal(fake.self.losses.count[LOSS_debug_refused], 0);
}

static void test_files_that_are_no_programs(void **state)
{
    static const uint8_t short_elf[] = {0x7f, 'E', 'L', 'F', 2, 1, 1, 0};
    static const struct {
        const void *bytes;
        size_t size;
    } files[] = {{"", 0}, {"#!/bin/sh\n", 10}, {short_elf, sizeof(short_elf)}};
    struct frame frames[SYMBOL_INLINE_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct fake fake = {.fd = memory_file(files[i].bytes, files[i].size)};

        look_into_fake(&fake, frames);
        assert_null(frames[0].function);
        assert_int_equal(fake.self.losses.count[LOSS_debug_refused], 1);
        close(fake.fd);
    }
}

static uint8_t *read_self(size_t *ret_size)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat status;
    uint8_t *bytes;

    assert_int_equal(fstat(fd, &status), 0);
    bytes = malloc((size_t)status.st_size);
    assert_int_equal(read(fd, bytes, (size_t)status.st_size), status.st_size);
    close(fd);
    *ret_size = (size_t)status.st_size;
    return bytes;
}

/* A program cut off here and there: no names, or some, but an end. */
static void test_truncated_programs(void **state)
{
    struct frame frames[SYMBOL_INLINE_MAX];
    size_t size;
    uint8_t *bytes = read_self(&size);

    (void)state;
    for (size_t part = 1; part < 16; part++) {
        struct fake fake = {.fd = memory_file(bytes, size * part / 16)};

        look_into_fake(&fake, frames);
        close(fake.fd);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_inlined_frames, start, end),
        cmocka_unit_test_setup_teardown(test_offset_is_the_files_address, start, end),
        cmocka_unit_test_setup_teardown(test_build_id_is_the_files, start, end),
        cmocka_unit_test_setup_teardown(test_cached_names_are_the_same, start, end),
        cmocka_unit_test_setup_teardown(test_careful_reads_no_debug_information, start, end),
        cmocka_unit_test_setup_teardown(test_files_are_closed_when_there_is_nothing_to_name, start,
                                        end),
        cmocka_unit_test_setup_teardown(test_symbol_ends_with_its_size, start, end),
        cmocka_unit_test_setup_teardown(test_label_reaches_a_short_way, start, end),
        cmocka_unit_test_setup_teardown(test_vdso_is_read_from_memory, start, end),
        cmocka_unit_test_setup_teardown(test_unknown_address, start, end),
        cmocka_unit_test_setup_teardown(test_same_maps_cost_nothing, start, end),
        cmocka_unit_test_setup_teardown(test_unmapped_module, start, end),
        cmocka_unit_test(test_file_that_cannot_be_opened),
        cmocka_unit_test(test_files_that_are_no_programs),
        cmocka_unit_test(test_truncated_programs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
