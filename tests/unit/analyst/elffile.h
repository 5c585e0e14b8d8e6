/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small ELF library around sections that a target makes up, mapped into a target's memory that is
 * none: so that inputs are the bytes of one section and not mostly of headers.
 */
#pragma once

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "analyst/intern.h"
#include "analyst/unwind.h"
#include "bpf/record.h"

#define ELFFILE_BASE 0x7f0000000000ul /* where it is mapped; its own addresses begin at 0 */
#ifndef ELFFILE_SIZE
#define ELFFILE_SIZE 0x20000u
#endif
#define ELFFILE_TEXT         0x1000u
#define ELFFILE_TEXT_SIZE    0x1000u
#define ELFFILE_SECTIONS     0x2000u /* one behind the other */
#define ELFFILE_SECTIONS_MAX 12
#define ELFFILE_STACK        0x7ffc00000000ul
#define ELFFILE_STACK_SIZE   4096u
#define ELFFILE_FRAMES_MAX   32

static inline void elffile_check(bool condition)
{
    if (!condition)
        abort();
}

struct elffile_section {
    const char *name;
    const void *bytes;
    size_t size;
    uint32_t type;
    uint32_t link; /* index among those given, from 1: 0 is ELF's own */
    uint64_t entry_size;
    bool is_loaded;
};

struct elffile {
    uint8_t bytes[ELFFILE_SIZE];
    uint8_t stack[ELFFILE_STACK_SIZE];
    struct losses losses;
    struct unwinder *unwinder;
    const char *debug; /* what is opened as the first file of debug information; NULL: none is */
};

/* Where the next section goes; those that find no room are cut. */
static inline void elffile_place(struct elffile *file, const struct elffile_section *section,
                                 uint32_t name, uint64_t *at, Elf64_Shdr *ret_header)
{
    size_t room = ELFFILE_SIZE - *at, size = section->size < room ? section->size : room;

    memcpy(file->bytes + *at, section->bytes, size);
    *ret_header = (Elf64_Shdr){
        .sh_name = name,
        .sh_type = section->type,
        .sh_flags = section->is_loaded ? SHF_ALLOC : 0,
        .sh_addr = section->is_loaded ? *at : 0,
        .sh_offset = *at,
        .sh_size = size,
        .sh_link = section->link,
        .sh_info = section->type == SHT_SYMTAB ? 1 : 0,
        .sh_addralign = 8,
        .sh_entsize = section->entry_size,
    };
    *at = (*at + size + 7) & ~7ul;
    if (*at > ELFFILE_SIZE)
        *at = ELFFILE_SIZE;
}

static inline void elffile_put_header(struct elffile *file, uint16_t n_sections)
{
    const Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_DYN,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_phoff = 64,
        .e_shoff = 0x400,
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = 1,
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = n_sections,
        .e_shstrndx = n_sections - 1,
    };
    const Elf64_Phdr segment = {
        .p_type = PT_LOAD,
        .p_flags = PF_R | PF_X,
        .p_filesz = ELFFILE_SIZE,
        .p_memsz = ELFFILE_SIZE,
        .p_align = 0x1000,
    };

    memcpy(file->bytes, &header, sizeof(header));
    memcpy(file->bytes + header.e_phoff, &segment, sizeof(segment));
}

/* Builds the file: .text, the sections given (1 to n), and the names of all. */
static inline void elffile_build(struct elffile *file, const struct elffile_section *sections,
                                 size_t n)
{
    Elf64_Shdr headers[ELFFILE_SECTIONS_MAX + 3] = {{0}};
    char names[256] = "\0.text\0.shstrtab";
    uint64_t at = ELFFILE_SECTIONS, used = sizeof("\0.text\0.shstrtab");
    struct elffile_section last = {".shstrtab", names, sizeof(names), SHT_STRTAB, 0, 0, false};

    elffile_check(n <= ELFFILE_SECTIONS_MAX);
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(sections[i].name) + 1;

        elffile_check(used + length <= sizeof(names));
        memcpy(names + used, sections[i].name, length);
        elffile_place(file, &sections[i], (uint32_t)used, &at, &headers[1 + i]);
        used += length;
    }
    headers[n + 1] = (Elf64_Shdr){.sh_name = 1,
                                  .sh_type = SHT_PROGBITS,
                                  .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                                  .sh_addr = ELFFILE_TEXT,
                                  .sh_offset = ELFFILE_TEXT,
                                  .sh_size = ELFFILE_TEXT_SIZE,
                                  .sh_addralign = 16};
    if (at > ELFFILE_SIZE - sizeof(names))
        at = ELFFILE_SIZE - sizeof(names);
    elffile_place(file, &last, 7, &at, &headers[n + 2]);
    elffile_put_header(file, (uint16_t)(n + 3));
    memcpy(file->bytes + 0x400, headers, (n + 3) * sizeof(headers[0]));
}

static inline int elffile_read(void *context, uint64_t address, void *buffer, size_t size)
{
    struct elffile *file = context;

    if (address >= ELFFILE_BASE && size <= ELFFILE_SIZE &&
        address - ELFFILE_BASE <= ELFFILE_SIZE - size)
        memcpy(buffer, file->bytes + (address - ELFFILE_BASE), size);
    else if (address >= ELFFILE_STACK && size <= ELFFILE_STACK_SIZE &&
             address - ELFFILE_STACK <= ELFFILE_STACK_SIZE - size)
        memcpy(buffer, file->stack + (address - ELFFILE_STACK), size);
    else
        return -EFAULT;
    return 0;
}

static inline int elffile_open(void *context, const struct mapping *mapping, int *ret_fd)
{
    const struct elffile *file = context;
    int fd = memfd_create("elffile", MFD_CLOEXEC);

    (void)mapping;
    elffile_check(fd >= 0 && write(fd, file->bytes, ELFFILE_SIZE) == ELFFILE_SIZE);
    *ret_fd = fd;
    return 0;
}

static inline int elffile_open_debug(void *context, const char *path, int *ret_fd)
{
    struct elffile *file = context;
    const char *debug = file->debug;

    (void)path;
    if (!debug)
        return -ENOENT;
    file->debug = NULL;
    *ret_fd = open(debug, O_RDONLY | O_CLOEXEC);
    elffile_check(*ret_fd >= 0);
    return 0;
}

/* Shows the file, as it is now, to its unwinder, mapped from its beginning. */
static inline void elffile_show(struct elffile *file)
{
    struct mapping mapping = {.start = ELFFILE_BASE,
                              .end = ELFFILE_BASE + ELFFILE_SIZE,
                              .device = 1,
                              .inode = 1,
                              .readable = true,
                              .executable = true,
                              .path = "/srv/hostile.so"};
    const struct maps maps = {.mappings = &mapping, .n = 1}, none = {.n = 0};

    elffile_check(!unwinder_set_maps(file->unwinder, &none));
    elffile_check(!unwinder_set_maps(file->unwinder, &maps));
}

/* ... to a new one. */
static inline void elffile_map(struct elffile *file)
{
    const struct unwind_target target = {.read = elffile_read,
                                         .open_mapping = elffile_open,
                                         .open_debug = elffile_open_debug,
                                         .context = file};

    elffile_check(!unwinder_new(&target, &file->losses, &file->unwinder));
    elffile_show(file);
}

static inline struct elffile *elffile_new(void)
{
    struct elffile *file = calloc(1, sizeof(*file));

    elffile_check(file);
    return file;
}

static inline void elffile_free(struct elffile *file)
{
    unwinder_free(&file->unwinder);
    free(file);
}

/* Names the code at an offset in the file. */
static inline void elffile_name(struct elffile *file, uint64_t offset)
{
    const struct raw_frame raw = {ELFFILE_BASE + offset, true};
    struct frame frames[SYMBOL_INLINE_MAX];
    size_t n = unwinder_symbolize(file->unwinder, &raw, frames);

    elffile_check(n > 0 && n <= SYMBOL_INLINE_MAX);
    for (size_t i = 0; i < n; i++) {
        elffile_check(!frames[i].function || strlen(frames[i].function) <= INTERNS_LENGTH_MAX);
        elffile_check(!frames[i].file || strlen(frames[i].file) <= INTERNS_LENGTH_MAX);
    }
}

struct elffile_stack {
    uint64_t regs[RECORD_REGS];
    struct stack_copy copy;
    struct raw_frame frames[ELFFILE_FRAMES_MAX];
    size_t n;
    enum unwind_end end;
};

/* Unwinds from an offset in the file. */
static inline void elffile_take_stack(struct elffile *file, uint64_t offset,
                                      struct elffile_stack *ret_stack)
{
    memset(ret_stack->regs, 0, sizeof(ret_stack->regs));
    ret_stack->regs[REGS_SP] = ELFFILE_STACK + 64;
    ret_stack->regs[REGS_IP] = ELFFILE_BASE + offset;
    ret_stack->copy = (struct stack_copy){ELFFILE_STACK, file->stack, 1024};
    ret_stack->end = unwinder_unwind(file->unwinder, ret_stack->regs, &ret_stack->copy,
                                     ret_stack->frames, ELFFILE_FRAMES_MAX, &ret_stack->n);
    elffile_check(ret_stack->n > 0 && ret_stack->n <= ELFFILE_FRAMES_MAX);
}

static inline void elffile_unwind(struct elffile *file, uint64_t offset)
{
    struct elffile_stack stack;

    elffile_take_stack(file, offset, &stack);
}
