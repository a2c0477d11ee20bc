# Copyright (c) 2026, The convox.credentials developers
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# This file is private to the collection: it may change in any release.

"""The one place that knows AnsibleModule: options in, result out, errors said once, secrets masked before both."""

from __future__ import annotations

import os
import traceback
import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from ansible_collections.convox.credentials.plugins.module_utils import options, target, transport
from ansible_collections.convox.credentials.plugins.module_utils.errors import BadInput, ConvoxError
from ansible_collections.convox.credentials.plugins.module_utils.keys import SHORTEST_MASKED, Secrets
from ansible_collections.convox.credentials.plugins.module_utils.task import Task, conceal_urls

LONGEST_MESSAGE = 4000
# What is larger is a slip, and more than a socket or a clock can take.
_LIMITS = {
    "timeout": (1, 3600),
    "wait_timeout": (1, 30 * 86400),
    "confirmations": (1, 10000),
    "retries": (0, 100),
    "confirm_period": (0, 86400),
    "confirm_interval": (0, 3600),
    "max_returned": (0, 10000),
    # A week: a token can't be taken back alone.
    "hours": (1, 168),
}


class Made(t.NamedTuple):
    """A result, and the secret that this run made (None: none).

    ``field``: where ``return_key`` puts it, as ``shown``, the text that it is a part of; None: the secret itself.
    """

    result: dict[str, t.Any]
    key: str | None = None
    field: str = "api_key"
    shown: str | None = None


class _Module(AnsibleModule):
    """Masks what is secret also where Ansible's own validation fails.

    That may end before it has noted any ``no_log`` value (seen with ``stores: cli``), and it shows at -vvv what was given
    as an option that there is not: a secret whose name has a slip in it. It quotes a wrong value whole, of any length.
    """

    no_log_values: t.Any

    def fail_json(self, msg, **kwargs):  # type: ignore[no-untyped-def]
        self.no_log_values.update(_secret_texts(self.argument_spec, self.params))
        conceal_urls(Secrets(self.no_log_values.add), {name: value for name, value in self.params.items() if isinstance(value, str)}, os.environ)
        line = " ".join(str(msg).split())
        super().fail_json(line if len(line) <= LONGEST_MESSAGE else line[:LONGEST_MESSAGE] + "…", **kwargs)

    def _return_formatted(self, kwargs):  # type: ignore[no-untyped-def]
        # Up to ansible-core 2.18 they are masked in any order: of a longer one, a shorter one that is its part would leave the rest.
        self.no_log_values = sorted(self.no_log_values, key=len, reverse=True)
        super()._return_formatted(kwargs)


def run(work: t.Callable[[Task], Made], argument_spec: dict[str, t.Any], **spec: t.Any) -> None:
    """Do a module's work and end it, whatever came of it."""
    module = _Module(
        argument_spec=argument_spec,
        mutually_exclusive=options.MUTUALLY_EXCLUSIVE + spec.pop("mutually_exclusive", []),
        supports_check_mode=True,
        **spec,
    )
    if not transport.HAS_REQUESTS:
        module.fail_json(msg=missing_required_lib("requests"), exception=None)
    secrets = Secrets(module.no_log_values.add)
    for text in _secret_texts(argument_spec, module.params):
        secrets.add(text)
    conceal_urls(secrets, module.params, os.environ)
    try:
        _check(module.params)
        task = Task(module.params, os.environ, secrets, module.warn, check_mode=module.check_mode)
        made = work(task)
    except ConvoxError as exc:
        failure = {"msg": str(exc), **exc.result}
    except ModuleNotFoundError as exc:
        failure = {"msg": missing_required_lib(str(exc.name))}
    except Exception as exc:  # noqa: BLE001 - a traceback on stderr would go past all masking
        text = " ".join(str(exc).split())
        failure = {"msg": f"internal error, please report it: {type(exc).__name__}: {text}", "exception": traceback.format_exc()}
    else:
        _end(module, secrets, made)
        return
    # Out here, where no exception is being handled: Ansible would show the traceback of one that says it all.
    module.fail_json(**_scrub(secrets, {**failure, **_left_to_wait_for(module, secrets, failure)}))


def _scrub(secrets: Secrets, result: dict[str, t.Any]) -> dict[str, t.Any]:
    """The names of fields are ours: a wrong key of one letter must not change them."""
    return {name: secrets.scrub(value) for name, value in result.items()}


def _left_to_wait_for(module: AnsibleModule, secrets: Secrets, result: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the action wait_for_rolls goes on with after a task that did not wait: Ansible keeps no options of a task."""
    begun = "msg" not in result and result.get("phase") not in (None, "committed")
    if module.params.get("wait") is not False or module.check_mode or not (begun or result.get("needs_wait")):
        return {}
    secret = [name for name, option in module.argument_spec.items() if option.get("no_log")]
    given = any(module.params.get(name) for name in ("api_key", "rack_url"))
    # Who waits works in another directory.
    open_options = {name: _absolute(value, module.argument_spec[name]) for name, value in module.params.items() if name not in secret}
    if given:
        # A secret may have named the host. Where none was given, who waits finds host and key in the same environment.
        open_options["host"] = open_options["host"] or result.get("host")
    # What can't be told without a secret is left to the task that has it.
    lost = (given and not open_options["host"]) or secrets.scrub(open_options) != open_options
    return {"begun": {"options": None if lost else open_options, "key_was_given": given}}


def _absolute(value: t.Any, option: t.Mapping[str, t.Any]) -> t.Any:
    """An option's paths, and those in its suboptions, from the root on."""
    if value is None:
        return None
    if option.get("type") == "path":
        return os.path.abspath(value)
    if "options" in option:
        return [{name: _absolute(each[name], option["options"][name]) for name in each} for each in value]
    return value


def _end(module: AnsibleModule, secrets: Secrets, made: Made) -> None:
    """The secret that ``return_key`` asks for stands in its field and nowhere else; every other one nowhere."""
    result = _scrub(secrets, {**made.result, **_left_to_wait_for(module, secrets, made.result)})
    if module.params.get("return_key") and made.key is not None:
        # Ansible would mask it in its field too; our own masking of the rest is done above.
        module.no_log_values -= {made.key, made.shown}
        result[made.field] = made.shown or made.key
    module.exit_json(**result)


def _secret_texts(spec: t.Mapping[str, t.Any], params: t.Mapping[str, t.Any]) -> t.Iterator[str]:
    """What is secret in raw options, or may be: of an option that there is not, and in the place of suboptions, what is no word."""
    for name, value in params.items():
        option = spec.get(name)
        if option is not None and option.get("no_log"):
            yield from _texts(value)
        elif option is None:
            yield from _long_texts(value)
        elif any(suboption.get("no_log") for suboption in option.get("options", {}).values()):
            for each in value if isinstance(value, (list, tuple)) else [value]:
                yield from _secret_texts(option["options"], each) if isinstance(each, dict) else _long_texts(each)


def _long_texts(value: t.Any) -> t.Iterator[str]:
    return (each for each in _texts(value) if len(each) >= SHORTEST_MASKED)


def _texts(value: t.Any) -> t.Iterator[str]:
    """Every text in an option's raw value."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)
    elif value not in (None, "") and not isinstance(value, bool):
        yield str(value)


def _check(params: t.Mapping[str, t.Any]) -> None:
    for name, value in params.items():
        for text in _texts(value):
            target.check_text(name, text)
    for name, (least, most) in _LIMITS.items():
        if params.get(name) is not None and params[name] < least:
            raise BadInput(f"{name}: {params[name]}; it must be {least} or more")
        if params.get(name) is not None and params[name] > most:
            raise BadInput(f"{name}: {params[name]}; it must be {most} or less")
    if params.get("return_key") and params.get("new_key"):
        raise BadInput("return_key: the key of new_key is already the caller's; leave return_key out")
