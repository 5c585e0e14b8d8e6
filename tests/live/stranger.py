# SPDX-License-Identifier: Apache-2.0
"""Programs that run as somebody who is not root."""

import shutil

from harness import FIXTURES, PARKWATCH, Fixture, LiveTest

STRANGER = 4711  # a user that nobody is


def as_user(uid, capabilities):
    """The command that runs another with these capabilities, as a service manager would."""
    caps = ",".join(["-all", *(f"+{name.lower()}" for name in sorted(capabilities))])
    return [
        *("setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups"),
        *("--inh-caps", caps, "--ambient-caps", caps, "--bounding-set", caps),
        *("--no-new-privs", "--pdeathsig", "KILL"),
    ]


class StrangerTest(LiveTest):
    """The programs are copied to where every user can run them."""

    def setUp(self):
        self.place = self.directory()
        self.parkwatch = shutil.copy(PARKWATCH, self.place)
        self.program = shutil.copy(FIXTURES / "cond", self.place)

    def target(self, uid):
        fixture = Fixture("cond", command=[*as_user(uid, set()), self.program])
        self.addCleanup(fixture.end)
        return fixture
