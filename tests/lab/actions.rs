//! Guided actions in earnest: the program as an operator runs it, real etcd and API servers below it, and what its journal
//! tells. Start reading at `replace.rs`. Three labs run side by side, because most of their time is waiting for a host to
//! have been silent for a minute.

mod chores;
mod refusals;
mod replace;
mod story;

use std::thread;

#[test]
fn guided_actions_on_real_servers() {
    thread::scope(|scope| {
        scope.spawn(replace::a_lost_host_is_replaced_while_much_else_goes_wrong);
        scope.spawn(replace::a_run_whose_process_is_killed_reaches_its_goal_all_the_same);
        scope.spawn(|| {
            let lab = crate::lab::Lab::up(&["--zones", "--etcd-relay"]);
            refusals::a_plan_that_was_shown_does_not_run_on_another_cluster(&lab);
            chores::nodes_are_labelled_cordoned_and_drained(&lab);
            chores::the_controller_of_this_host_is_restarted(&lab);
            refusals::an_unhealthy_cluster_is_waited_for_and_then_left_alone(&lab);
        });
    });
}
