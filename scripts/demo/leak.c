/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recommendation service with a leak, for demonstrations. Each request starts a thread that asks
 * a slow remote and hands its scores over an unbuffered channel; the request waits for them for 50
 * ms. When the remote is slower, the request gives up, nobody will ever receive, and the thread
 * that sends stays parked for good, with its stack and its scores.
 *
 *   leak [N]: ends its leaking after N (300) abandoned threads, and serves on.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_MS     50 /* what a request waits for its scores */
#define REMOTE_FAST_MS 5  /* the remote on a good day */
#define REMOTE_SLOW_MS 80 /* and under load */
#define PAUSE_MS       10 /* between two requests of one client */
#define CLIENTS        4
#define SLOW_EVERY     2 /* every second call is slow */
#define LEAKS          300
#define LEAKS_MAX      5000
#define SCORES         512
#define WORKER_STACK   (64 * 1024)

/* A channel without a buffer: send() returns when its value was taken. */
struct channel {
    pthread_mutex_t lock;
    pthread_cond_t sent;
    pthread_cond_t taken;
    double *scores; /* NULL: nothing is offered */
    unsigned references;
};

struct call {
    struct channel *channel;
    unsigned user;
    bool slow;
};

/* How far the service is; shared by its clients. */
struct service {
    pthread_mutex_t lock;
    unsigned requests;
    unsigned timeouts;
    unsigned leaks_wanted;
};

static struct timespec milliseconds(long ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

static void sleep_ms(long ms)
{
    struct timespec time = milliseconds(ms);

    nanosleep(&time, NULL);
}

static struct timespec deadline_ms(long ms)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    time.tv_nsec += ms * 1000000;
    time.tv_sec += time.tv_nsec / 1000000000;
    time.tv_nsec %= 1000000000;
    return time;
}

static struct channel *channel_new(void)
{
    struct channel *channel = calloc(1, sizeof(*channel));
    pthread_condattr_t monotonic;

    if (!channel)
        abort();
    pthread_mutex_init(&channel->lock, NULL);
    pthread_cond_init(&channel->taken, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&channel->sent, &monotonic);
    channel->references = 2;
    return channel;
}

static void channel_release(struct channel *channel)
{
    unsigned left;

    pthread_mutex_lock(&channel->lock);
    left = --channel->references;
    pthread_mutex_unlock(&channel->lock);
    if (left == 0)
        free(channel);
}

__attribute__((noinline)) static void channel_send(struct channel *channel, double *scores)
{
    pthread_mutex_lock(&channel->lock);
    channel->scores = scores;
    pthread_cond_signal(&channel->sent);
    while (channel->scores)
        pthread_cond_wait(&channel->taken, &channel->lock);
    pthread_mutex_unlock(&channel->lock);
}

/* NULL: not in time. */
static double *channel_receive(struct channel *channel, long ms)
{
    struct timespec end = deadline_ms(ms);
    double *scores;

    pthread_mutex_lock(&channel->lock);
    while (!channel->scores &&
           pthread_cond_timedwait(&channel->sent, &channel->lock, &end) != ETIMEDOUT)
        ;
    scores = channel->scores;
    channel->scores = NULL;
    pthread_cond_signal(&channel->taken);
    pthread_mutex_unlock(&channel->lock);
    return scores;
}

static double *ask_remote(const struct call *call)
{
    double *scores = calloc(SCORES, sizeof(*scores));

    if (!scores)
        abort();
    sleep_ms(call->slow ? REMOTE_SLOW_MS : REMOTE_FAST_MS);
    for (unsigned i = 0; i < SCORES; i++)
        scores[i] = (double)(call->user % (i + 1));
    return scores;
}

static void *fetch_scores(void *argument)
{
    struct call *call = argument;
    double *scores = ask_remote(call);

    channel_send(call->channel, scores);
    channel_release(call->channel);
    free(call);
    return NULL;
}

/* The request goes without scores when no thread can be had. */
static bool start_fetch(struct channel *channel, unsigned user, bool slow)
{
    struct call *call = malloc(sizeof(*call));
    pthread_attr_t attributes;
    pthread_t thread;
    int error;

    if (!call)
        abort();
    *call = (struct call){.channel = channel, .user = user, .slow = slow};
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, WORKER_STACK);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    error = pthread_create(&thread, &attributes, fetch_scores, call);
    pthread_attr_destroy(&attributes);
    if (error) {
        free(call);
        channel_release(channel);
    }
    return error == 0;
}

/* Returns whether there were scores in time. */
static bool recommend(unsigned user, bool slow)
{
    struct channel *channel = channel_new();
    double *scores = NULL;

    if (start_fetch(channel, user, slow))
        scores = channel_receive(channel, TIMEOUT_MS);
    channel_release(channel);
    if (!scores)
        return false;
    free(scores);
    return true;
}

static void serve_one(struct service *service)
{
    unsigned user;
    bool slow;

    pthread_mutex_lock(&service->lock);
    user = service->requests++;
    slow = user % SLOW_EVERY == 0 && service->timeouts < service->leaks_wanted;
    pthread_mutex_unlock(&service->lock);
    if (recommend(user, slow))
        return;
    pthread_mutex_lock(&service->lock);
    service->timeouts++;
    pthread_mutex_unlock(&service->lock);
}

static void *serve_client(void *service)
{
    for (;;) {
        serve_one(service);
        sleep_ms(PAUSE_MS);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    struct service service = {.lock = PTHREAD_MUTEX_INITIALIZER, .leaks_wanted = LEAKS};
    pthread_t client;

    prctl(PR_SET_PDEATHSIG, SIGTERM);
    prctl(PR_SET_NAME, "recommendd");
    if (argc > 1)
        service.leaks_wanted = (unsigned)strtoul(argv[1], NULL, 10);
    if (service.leaks_wanted > LEAKS_MAX) {
        fprintf(stderr, "leak: at most %d threads\n", LEAKS_MAX);
        return 2;
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        if (pthread_create(&client, NULL, serve_client, &service))
            return 1;
    for (;;)
        pause();
}
