/* SPDX-License-Identifier: Apache-2.0 */
/* 300 g's, looked at 100 times: each is found in the park that is remembered, as in repeated scans
 * of goroutines. */
#include "guard.h"

#include "analyst/go/memo.h"

#include "analyst/go/process.h"

#define GOROUTINES 300
#define LOOKS      100
#define GO_MINOR   124
#define SECOND     UINT64_C(1000000000)

struct scene {
    struct process *process;
    const struct g_layout *layout;
    struct memo memos[PROCESS_GS];
    uint64_t now_ns;
};

static struct goroutine decode(const struct scene *scene, size_t index)
{
    const uint8_t *bytes = process_at(scene->process, g_of(index), scene->layout->size);
    struct goroutine goroutine;

    guard_need(goroutine_decode(scene->layout, g_of(index), bytes, &goroutine), "this is no g");
    return goroutine;
}

static void look_once(struct scene *scene, size_t index)
{
    const uint8_t *bytes = process_at(scene->process, g_of(index), scene->layout->size);

    guard_need(memo_stands(&scene->memos[index], scene->layout, bytes), "it is in another park");
    memo_agree(&scene->memos[index]);
}

static void look_again(void *context)
{
    struct scene *scene = context;

    for (int i = 0; i < LOOKS; i++)
        for (size_t j = 0; j < scene->process->n_gs; j++)
            look_once(scene, j);
}

int main(void)
{
    struct scene *scene = calloc(1, sizeof(*scene));

    scene->process = process_new(GO_MINOR, GOROUTINES);
    scene->layout = g_layout_of(GO_MINOR);
    scene->now_ns = 1000 * SECOND;
    for (size_t i = 0; i < scene->process->n_gs; i++) {
        struct goroutine goroutine = decode(scene, i);
        struct look look = {scene->layout, &goroutine, scene->now_ns, 0};

        scene->memos[i].g = goroutine.address;
        memo_begin(&scene->memos[i], &look);
    }
    guard_measure(look_again, scene);
    free(scene->process);
    free(scene);
    return 0;
}
