// SPDX-License-Identifier: Apache-2.0
// Three threads wait: two on a condition variable, one for a message that is never sent.
use std::io::Read;
use std::sync::{mpsc, Arc, Condvar, Mutex};
use std::thread;

#[inline(never)]
fn wait_for_work(pair: &(Mutex<bool>, Condvar)) -> bool {
    let mut filled = pair.0.lock().unwrap();
    while !*filled {
        filled = pair.1.wait(filled).unwrap();
    }
    *filled
}

fn main() {
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    for _ in 0..2 {
        let pair = Arc::clone(&pair);
        thread::spawn(move || wait_for_work(&pair));
    }
    let (sender, receiver) = mpsc::channel::<u32>();
    thread::spawn(move || receiver.recv());
    println!("ready");
    let _ = std::io::stdin().read(&mut [0u8; 1]);
    drop(sender);
}
