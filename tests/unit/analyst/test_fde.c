/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of .eh_frame and .debug_frame, byte by byte. Those of real files: test_fderow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/fde.h"
#include "frames.h"

#define ADDRESS 0x2000 /* of the section */

static struct frames eh_frames(const char *augmentation)
{
    struct frames frames = frames_of(ADDRESS, false);

    frames_add_cie(&frames, augmentation, NULL, 0);
    return frames;
}

static void test_usual(void **state)
{
    static const uint8_t code[] = {DW_CFA_advance_loc | 1, DW_CFA_nop};
    struct frames frames = eh_frames("zR\x1b");
    uint64_t at = frames_add_fde(&frames, 0x1000, 0x80, code, sizeof(code)), next = at;
    struct cfi_section section = frames_section(&frames);
    struct fde fde;

    (void)state;
    assert_true(fde_read(&section, at, &fde));
    assert_int_equal(fde.start, 0x1000);
    assert_int_equal(fde.end, 0x1080);
    assert_int_equal(fde.cie.code_alignment, 1);
    assert_int_equal(fde.cie.data_alignment, -8);
    assert_false(fde.cie.signal);
    assert_int_equal(cursor_left(&fde.cie.instructions), 0);
    assert_int_equal(cursor_left(&fde.instructions), sizeof(code));
    assert_memory_equal(fde.instructions.at, code, sizeof(code));
    assert_false(fde_read(&section, 0, &fde)); /* the CIE */
    assert_true(fde_next(&section, &next));
    assert_int_equal(next, frames.size);
    assert_false(fde_next(&section, &next));
}

static bool reads(const char *augmentation, struct fde *ret_fde)
{
    struct frames frames = eh_frames(augmentation);
    uint64_t at = frames_add_fde(&frames, 0x1000, 0x80, NULL, 0);
    struct cfi_section section = frames_section(&frames);

    return fde_read(&section, at, ret_fde) && ret_fde->start == 0x1000 && ret_fde->end == 0x1080;
}

/* Behind the letters stand the data that they announce; FDEs are written as the first byte that
 * belongs to 'R' says. */
static void test_augmentations(void **state)
{
    struct fde fde;

    (void)state;
    assert_true(reads("", &fde));
    assert_true(reads("zR\x1b", &fde)); /* pc-relative, 4 bytes */
    assert_true(reads("zR\x1c", &fde)); /* ... 8 */
    assert_true(reads("zR\x03", &fde)); /* absolute */
    assert_true(reads("zRS\x1b", &fde) && fde.cie.signal);
    assert_true(reads("zLR\x1b\x1b", &fde));
    assert_true(reads("zPLR\x9b\1\1\1\1\x1b\x1b", &fde) && !fde.cie.signal);
    assert_false(reads("R\x1b", &fde)); /* nothing tells how long its data are */
    assert_false(reads("zXR\x1b\x1b", &fde));
    assert_false(reads("zR\x3b", &fde));          /* relative to something else */
    assert_false(reads("zR\x9b", &fde));          /* by way of a pointer */
    assert_false(reads("zPR\x01\x01\x1b", &fde)); /* a personality as LEB128 */
    assert_false(reads("eh", &fde));
    assert_true(reads("zRSSSSSS\x1b", &fde));
    assert_false(reads("zRSSSSSSS\x1b", &fde)); /* no end of them */
}

static void test_debug_frame(void **state)
{
    static const uint8_t versions[] = {1, 3, 4};

    (void)state;
    for (size_t i = 0; i < sizeof(versions); i++) {
        struct frames frames = frames_of(0, true);
        struct cfi_section section;
        struct fde fde;
        uint64_t at;

        frames.version = versions[i];
        frames_add_cie(&frames, "", NULL, 0); /* FDEs refer to it by offset 0 */
        frames_add_cie(&frames, "", NULL, 0);
        at = frames_add_fde(&frames, 0x1000, 0x80, NULL, 0);
        section = frames_section(&frames);
        assert_true(fde_read(&section, at, &fde));
        assert_int_equal(fde.start, 0x1000);
        assert_int_equal(fde.end, 0x1080);
    }
}

static bool reads_with(void (*spoil)(struct frames *frames, uint64_t fde))
{
    struct frames frames = eh_frames("zR\x1b");
    uint64_t at = frames_add_fde(&frames, 0x1000, 0x80, NULL, 0);
    struct cfi_section section;
    struct fde fde;

    spoil(&frames, at);
    section = frames_section(&frames);
    return fde_read(&section, at, &fde);
}

static void leave(struct frames *frames, uint64_t fde)
{
    (void)frames, (void)fde;
}

static void set_word(struct frames *frames, uint64_t at, uint32_t word)
{
    memcpy(frames->bytes + at, &word, sizeof(word));
}

static void set_version(struct frames *frames, uint64_t fde)
{
    (void)fde;
    frames->bytes[8] = 2;
}

static void set_return_address(struct frames *frames, uint64_t fde)
{
    (void)fde;
    frames->bytes[14] = 17;
}

static void lengthen(struct frames *frames, uint64_t fde)
{
    set_word(frames, fde, (uint32_t)(frames->size - fde - 3));
}

static void lengthen_to_64_bits(struct frames *frames, uint64_t fde)
{
    set_word(frames, fde, 0xffffffff);
}

static void shorten(struct frames *frames, uint64_t fde)
{
    set_word(frames, fde, 11);
}

static void empty(struct frames *frames, uint64_t fde)
{
    set_word(frames, fde + 12, 0);
}

static void go_round(struct frames *frames, uint64_t fde)
{
    set_word(frames, fde + 12, 0xffffffff); /* a length of -1 */
}

static void refer_to_itself(struct frames *frames, uint64_t fde)
{
    set_word(frames, fde + 4, 4);
}

static void refer_before_the_section(struct frames *frames, uint64_t fde)
{
    set_word(frames, fde + 4, (uint32_t)fde + 8);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    assert_true(reads_with(leave));
    assert_false(reads_with(set_version));
    assert_false(reads_with(set_return_address));
    assert_false(reads_with(lengthen));
    assert_false(reads_with(lengthen_to_64_bits));
    assert_false(reads_with(shorten));
    assert_false(reads_with(empty));
    assert_false(reads_with(go_round));
    assert_false(reads_with(refer_to_itself));
    assert_false(reads_with(refer_before_the_section));
}

/* Each beginning of a section, in memory of its own: nothing is read behind it. */
static void test_cut_anywhere(void **state)
{
    struct frames frames = eh_frames("zPLR\x9b\1\1\1\1\x1b\x1b");
    uint64_t at = frames_add_fde(&frames, 0x1000, 0x80, NULL, 0);
    struct fde fde;

    (void)state;
    for (size_t size = 0; size < frames.size; size++) {
        uint8_t *bytes = malloc(size + !size);
        struct cfi_section section = {.bytes = bytes, .size = size, .address = ADDRESS};

        memcpy(bytes, frames.bytes, size);
        assert_false(fde_read(&section, at, &fde));
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual),        cmocka_unit_test(test_augmentations),
        cmocka_unit_test(test_debug_frame),  cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_cut_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
