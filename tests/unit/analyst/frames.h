/* SPDX-License-Identifier: Apache-2.0 */
/* Writes sections of call frame information. */
#pragma once

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/fde.h"

#define FRAMES_SIZE 4096

struct frames {
    uint8_t bytes[FRAMES_SIZE];
    size_t size;
    uint64_t address; /* of the section */
    bool is_debug_frame;
    uint8_t version;  /* of the CIEs that are added */
    uint8_t encoding; /* of addresses in the FDEs that are added */
    bool has_augmentation;
    uint64_t cie; /* offset of the one that was added last */
};

static inline struct frames frames_of(uint64_t address, bool is_debug_frame)
{
    return (struct frames){.address = address, .is_debug_frame = is_debug_frame, .version = 1};
}

static inline struct cfi_section frames_section(const struct frames *frames)
{
    return (struct cfi_section){.bytes = frames->bytes,
                                .size = frames->size,
                                .address = frames->address,
                                .is_debug_frame = frames->is_debug_frame};
}

static inline void frames_put(struct frames *frames, const void *bytes, size_t size)
{
    if (size > FRAMES_SIZE - frames->size)
        abort();
    if (size > 0)
        memcpy(frames->bytes + frames->size, bytes, size);
    frames->size += size;
}

static inline void frames_put_number(struct frames *frames, uint64_t number, size_t size)
{
    frames_put(frames, &number, size);
}

/* The length is known at its end. */
static inline uint64_t frames_begin(struct frames *frames, uint32_t id)
{
    uint64_t at = frames->size;

    frames_put_number(frames, 0, 4);
    frames_put_number(frames, id, 4);
    return at;
}

static inline void frames_end(struct frames *frames, uint64_t at)
{
    uint32_t length = (uint32_t)(frames->size - at - 4);

    memcpy(frames->bytes + at, &length, sizeof(length));
}

/* `augmentation`: its letters, and behind them the bytes of its data; the last letter that has one
 * is 'R'. Alignments are 1 and -8, instructions may be none. */
static inline void frames_add_cie(struct frames *frames, const char *augmentation,
                                  const void *instructions, size_t size)
{
    size_t letters = strspn(augmentation, "zPLRSXeh"), data = strlen(augmentation) - letters;

    frames->cie = frames_begin(frames, frames->is_debug_frame ? DW_CIE_ID_32 : 0);
    frames_put_number(frames, frames->version, 1);
    frames_put(frames, augmentation, letters);
    frames_put_number(frames, 0, 1);
    if (frames->version >= 4)
        frames_put_number(frames, 8, 2);
    frames_put_number(frames, 1, 1);
    frames_put_number(frames, 0x78, 1);
    frames_put_number(frames, 16, 1);
    frames->has_augmentation = augmentation[0] == 'z';
    frames->encoding = data ? (uint8_t)augmentation[letters + data - 1] : DW_EH_PE_absptr;
    if (frames->has_augmentation)
        frames_put_number(frames, data, 1);
    frames_put(frames, augmentation + letters, data);
    frames_put(frames, instructions, size);
    frames_end(frames, frames->cie);
}

/* Returns its offset. */
static inline uint64_t frames_add_fde(struct frames *frames, uint64_t start, uint64_t size,
                                      const void *instructions, size_t n)
{
    size_t width = frames->encoding & 0x07 ? (frames->encoding & 0x07) == 3 ? 4 : 8 : 8;
    uint64_t at = frames->size, base = 0;

    frames_begin(frames, (uint32_t)(frames->is_debug_frame ? frames->cie : at + 4 - frames->cie));
    if (frames->encoding & DW_EH_PE_pcrel)
        base = frames->address + frames->size;
    frames_put_number(frames, start - base, width);
    frames_put_number(frames, size, width);
    if (frames->has_augmentation)
        frames_put_number(frames, 0, 1);
    frames_put(frames, instructions, n);
    frames_end(frames, at);
    return at;
}
