/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/object.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

#define SEGMENTS_MAX 256
#define NOTES_MAX    4096 /* bytes of one segment that are looked at */
#define NOTE_MAX     (sizeof(Elf64_Nhdr) + sizeof(ELF_NOTE_GNU) + BUILD_ID_MAX)

/* The program headers of an object file. */
struct object {
    struct go_windows *windows;
    uint64_t start; /* of its first mapping: where its first bytes are, the ELF header */
    uint64_t table;
    size_t n;
};

/* Where the file's first bytes are. */
static const struct mapping *first_of(const struct maps *maps, const struct mapping *mapping)
{
    const struct mapping *at = mapping;

    while (at > maps->mappings && at->offset != 0)
        at--;
    return at->offset == 0 && at->inode == mapping->inode && at->device == mapping->device ? at
                                                                                           : NULL;
}

static bool open_object(struct go_windows *windows, const struct maps *maps,
                        const struct mapping *mapping, struct object *ret_object)
{
    const struct mapping *first = first_of(maps, mapping);
    Elf64_Ehdr header;

    if (!first || go_windows_copy(windows, first->start, &header, sizeof(header)) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(Elf64_Phdr))
        return false;
    *ret_object = (struct object){
        .windows = windows,
        .start = first->start,
        .table = first->start + header.e_phoff,
        .n = header.e_phnum < SEGMENTS_MAX ? header.e_phnum : SEGMENTS_MAX,
    };
    return true;
}

/* The next segment of a type, from *at on; false: there is none. */
static bool next_segment(const struct object *object, uint32_t type, size_t *at,
                         Elf64_Phdr *ret_segment)
{
    while (*at < object->n) {
        if (go_windows_copy(object->windows, object->table + (*at)++ * sizeof(*ret_segment),
                            ret_segment, sizeof(*ret_segment)))
            return false;
        if (ret_segment->p_type == type)
            return true;
    }
    return false;
}

/* The kernel maps whole pages: what is below the first segment's start comes along. */
static uint64_t bias_of(const struct object *object)
{
    Elf64_Phdr segment;
    size_t at = 0;

    return next_segment(object, PT_LOAD, &at, &segment)
               ? object->start - (segment.p_vaddr - segment.p_offset)
               : 0;
}

uint64_t go_object_bias(struct go_windows *windows, const struct maps *maps,
                        const struct mapping *mapping)
{
    struct object object;

    return open_object(windows, maps, mapping, &object) ? bias_of(&object) : 0;
}

/*
 * Finds the build id among the notes of a segment of `size` bytes, and the one that follows it: of
 * the two notes that Go's linker makes it has its own one only in a segment (1.24, 1.26 and 1.27
 * do). NOTE_MAX bytes behind the segment must be there. Names and contents are padded to four
 * bytes, or to eight where the segment is.
 */
static bool find_build_id(const uint8_t *notes, size_t size, uint64_t align,
                          char ret_text[static BUILD_ID_TEXT_MAX])
{
    uint64_t pad = (align == 8 ? 8 : 4) - 1, at = 0;
    Elf64_Nhdr note;

    while (at <= size) {
        uint64_t name = at + sizeof(note), content;

        memcpy(&note, notes + at, sizeof(note));
        content = (name + note.n_namesz + pad) & ~pad;
        if (content + note.n_descsz > size + NOTE_MAX)
            return false;
        if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(ELF_NOTE_GNU) &&
            memcmp(notes + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0)
            return buildid_format(notes + content, note.n_descsz, ret_text);
        at = (content + note.n_descsz + pad) & ~pad;
    }
    return false;
}

bool go_object_build_id(struct go_windows *windows, const struct maps *maps,
                        const struct mapping *mapping, char ret_text[static BUILD_ID_TEXT_MAX])
{
    uint8_t notes[NOTES_MAX + NOTE_MAX];
    struct object object;
    Elf64_Phdr segment;
    uint64_t bias;
    size_t at = 0;

    if (!open_object(windows, maps, mapping, &object))
        return false;
    bias = bias_of(&object);
    while (next_segment(&object, PT_NOTE, &at, &segment)) {
        size_t size = segment.p_filesz < NOTES_MAX ? segment.p_filesz : NOTES_MAX;

        if (!go_windows_copy(windows, bias + segment.p_vaddr, notes, size + NOTE_MAX) &&
            find_build_id(notes, size, segment.p_align, ret_text))
            return true;
    }
    return false;
}
