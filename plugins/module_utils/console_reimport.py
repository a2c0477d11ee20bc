# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""Takes the steps of console_sync.py at a Console, by a session of the person's account; each is looked at before the next."""

from __future__ import annotations

from ansible_collections.convox.credentials.plugins.module_utils import console_sync as machine
from ansible_collections.convox.credentials.plugins.module_utils.console import Account, Organization
from ansible_collections.convox.credentials.plugins.module_utils.console_holder import Holder, copy_state
from ansible_collections.convox.credentials.plugins.module_utils.console_sync import RackRecord
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, BadReply, ConvoxError, RequestFailed
from ansible_collections.convox.credentials.plugins.module_utils.keys import SHORTEST_MASKED
from ansible_collections.convox.credentials.plugins.module_utils.rack_subject import Subject
from ansible_collections.convox.credentials.plugins.module_utils.target import Reach
from ansible_collections.convox.credentials.plugins.module_utils.task import Standing, Task
from ansible_collections.convox.credentials.plugins.module_utils.ways import REIMPORT

# A save that crosses ours brings an old value back: it is asked again after a while (convox-protocol 6.2).
_SETTLING_S = 10.0
_POLL_S = 3.0
_PATIENCE_S = 120.0
# Of one kind, in one run: somebody else works on the same record.
_MOST = 3
_MAY_NOT = "developer"
_WHY = {
    machine.STOPPED_UNINSTALLABLE: "the Console could uninstall the rack with its record {name}, which is therefore never removed",
    machine.STOPPED_ANOTHER: "its record {name} is another rack's",
    machine.STOPPED_TAKEN: "the name {name}, which the new record takes for a moment, is another rack's; rename that one",
    machine.STOPPED_GONE: "it has no record of the rack any more",
}


class Reimport:
    """Of one rack at one Console. ``key``: the Console's API key, to see whether the rack is reached through it."""

    def __init__(self, task: Task, reach: Reach, subject: Subject, holder: Holder, key: str | None) -> None:
        self._task = task
        self._reach = reach
        self._subject = subject
        self._holder = holder
        self._key = key
        self._account: Account | None = None
        self._organization_name, dummy, self._name = (holder.name or "").partition("/")

    def refuse(self) -> None:
        """Raises BadInput, before anything is rolled, where Console's record could not be renewed; tells what hangs on it."""
        where, name = self._holder.host, self._holder.name
        password = self._task.options.get("account_password")
        if not self._task.options.get("email") or not password or len(password) < SHORTEST_MASKED:
            raise self._no("email and account_password are needed: a Console changes its records in a session of an account only; give them")
        if name is None:
            raise self._no(f"the Console {where} can't be asked ({self._holder.why}); run again when it answers, or log in there anew")
        if self._key is None:
            raise self._no(f"no key of the Console {where} is known, to see whether the rack is reached through it; log in there with convox_login")
        try:
            organization, named, beside = self._look()
        except ConvoxError as exc:
            raise self._no(str(exc)) from None
        if organization.access == _MAY_NOT:
            raise self._no(f"{self._task.options['email']} is a {_MAY_NOT} of {organization.name} and may not change racks; name an operator")
        why = self._reason_to_refuse(named, beside)
        if why is not None:
            raise self._no(f"{why}; say console_sync: none, and give it the new key by hand after")
        if named is not None:
            self._task.warn_once(
                f"{self._subject.label}: the Console's record {named.record.id} of {name} is replaced by a new one: workflows, webhooks and the history of "
                "updates that hang on it are orphaned; note down those that you need"
            )

    @staticmethod
    def _reason_to_refuse(named: machine.Entry | None, beside: machine.Entry | None) -> str | None:
        for entry in (named, beside):
            if entry is not None and entry.record.uninstallable:
                return _WHY[machine.STOPPED_UNINSTALLABLE].format(name=entry.record.name)
            if entry is not None and entry.copy == machine.UNKNOWN:
                return f"it does not reach the rack by its record {entry.record.name}, nor say why"
        step = machine.next_step(named, beside)
        return _WHY[step.why].format(name=step.entry.record.name if step.entry is not None else "") if step.do == machine.STOP else None

    def run(self, key: str) -> bool:
        """Until Console reaches the rack by its name with the key that it has now. Whether anything was changed there.

        Raises ConvoxError, with the roll as it is: the key is in force and kept.
        """
        clock = self._task.clock
        end, changed, done_at = clock.now() + _PATIENCE_S, False, None
        taken: dict[str, int] = {}
        detail = "it does not answer"
        while clock.now() < end:
            try:
                organization, named, beside = self._look()
                step = machine.next_step(named, beside)
                if step.do == machine.DONE:
                    if not changed or (done_at is not None and clock.now() - done_at >= _SETTLING_S):
                        return changed
                    done_at = clock.now() if done_at is None else done_at
                elif step.do == machine.STOP:
                    name = step.entry.record.name if step.entry is not None else self._holder.name
                    raise self._failed(_WHY[step.why].format(name=name))
                elif step.do != machine.ASK_AGAIN:
                    if taken.get(step.do, 0) == _MOST:
                        raise self._failed(f"{step.do}: done {_MOST} times, and undone by somebody else")
                    # Also where it fails: whatever came of it is seen at the next look.
                    changed, done_at = True, None
                    self._take(organization, step, key)
                    taken[step.do] = taken.get(step.do, 0) + 1
                    continue
            except RequestFailed as exc:
                detail = str(exc)
            self._task.show(Standing("committed", "the Console", detail if done_at is None else "asked once more"))
            clock.sleep(_POLL_S)
        raise self._failed(detail)

    # -- looking --------------------------------------------------------------------------------------------------
    def _look(self) -> tuple[Organization, machine.Entry | None, machine.Entry | None]:
        organization = self._organization()
        records = {record.name: record for record in organization.racks}
        return organization, self._entry(records.get(self._name)), self._entry(records.get(self._name + machine.BESIDE))

    def _organization(self) -> Organization:
        found = [each for each in self._session().organizations() if each.name == self._organization_name]
        if len(found) != 1:
            raise BadReply(f"the account {self._task.options['email']} has {len(found)} organizations {self._organization_name} there; check email", 200)
        return found[0]

    def _entry(self, record: RackRecord | None) -> machine.Entry | None:
        if record is None:
            return None
        name = f"{self._organization_name}/{record.name}"
        return machine.Entry(record, copy_state(self._reach, self._holder.host, self._key or "", name, self._subject))

    def _session(self) -> Account:
        if self._account is None:
            options = self._task.options
            account = Account(self._reach.transport_beside(self._holder.host), self._task.secrets)
            account.log_in(options["email"], options["account_password"])
            self._account = account
        return self._account

    # -- changing -------------------------------------------------------------------------------------------------
    def _take(self, organization: Organization, step: machine.Step, key: str) -> None:
        if step.entry is None:
            raise ValueError(f"{step.do}: of no record")
        if step.do in (machine.IMPORT_BESIDE, machine.IMPORT_NAMED):
            name = self._name + (machine.BESIDE if step.do == machine.IMPORT_BESIDE else "")
            self._session().import_rack(organization, name, self._subject.host, key)
        elif step.settings is not None:
            record = step.entry.record
            self._session().update_rack(organization, record, self._name if step.do == machine.RENAME else record.name, step.settings)
        else:
            self._remove(step.entry.record)

    def _remove(self, record: RackRecord) -> None:
        """Looked at once more: how good the copies are took a while to ask. Whatever is not as it was, the next look decides on."""
        organization = self._organization()
        own = [each for each in organization.racks if each.name in (self._name, self._name + machine.BESIDE)]
        if len(own) == 2 and record in own:
            self._session().remove_rack(organization, record)

    # -- saying ---------------------------------------------------------------------------------------------------
    def _no(self, why: str) -> BadInput:
        return BadInput(f"{self._subject.label}: console_sync: {REIMPORT}: {why}: nothing was changed")

    def _failed(self, why: str) -> ConvoxError:
        return ConvoxError(
            f"{self._subject.label}: rolled, but the Console {self._holder.host} does not have the new key: {why}; run again with console_sync: {REIMPORT}, "
            "which goes on from here, or give it the key in the rack's settings"
        )
