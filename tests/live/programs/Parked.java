// SPDX-License-Identifier: Apache-2.0
// One thread parks for ever, one waits on a monitor, one sleeps.

import java.util.concurrent.locks.LockSupport;

public class Parked {
    static void start(String name, Runnable body) {
        Thread thread = new Thread(body, name);
        thread.setDaemon(true);
        thread.start();
    }

    static void waitOnMonitor() {
        Object monitor = new Object();
        synchronized (monitor) {
            while (true) {
                try {
                    monitor.wait();
                } catch (InterruptedException ignored) {
                    return;
                }
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        start("parker", () -> {
            while (true) {
                LockSupport.park();
            }
        });
        start("waiter", Parked::waitOnMonitor);
        System.out.println("ready");
        System.out.flush();
        System.in.read();
    }
}
