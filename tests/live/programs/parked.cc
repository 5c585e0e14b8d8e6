// SPDX-License-Identifier: Apache-2.0
// Three threads wait for work on a condition variable, through libstdc++; one of them in a future.
#include <condition_variable>
#include <cstdio>
#include <future>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace pool
{
class Queue
{
  public:
    __attribute__((noinline)) int take(int consumer)
    {
        std::unique_lock<std::mutex> guard(lock);
        ready.wait(guard, [this] { return filled; });
        return consumer;
    }

  private:
    std::mutex lock;
    std::condition_variable ready;
    bool filled = false;
};
} // namespace pool

int main()
{
    pool::Queue queue;
    std::promise<int> never;
    std::thread first([&] { return queue.take(1); });
    std::thread second([&] { return queue.take(2); });
    std::thread third([&] { return never.get_future().get(); });

    std::puts("ready");
    std::fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0)
        ;
    _exit(0);
}
