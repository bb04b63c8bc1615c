"""Read a crontab's five fields: in crontab's own counting of weekdays; pure."""

from __future__ import annotations

_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")


def crontab_fields(expression: str) -> dict[str, str]:
    """Name the fields as APScheduler's trigger does; ValueError unless there are five."""
    fields = expression.split()
    if len(fields) != 5:
        raise ValueError(f'"{expression}" has {len(fields)} fields; a cron expression has five')
    minute, hour, day, month, weekday = fields
    return {
        "minute": minute,
        "hour": hour,
        "day": day,
        "month": month,
        "day_of_week": crontab_weekdays(weekday),
    }


def crontab_weekdays(field: str) -> str:
    """Write a crontab's weekday numbers as names: APScheduler counts from Monday, crontab from Sunday."""
    parts = []
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, dash, last = ("0", "-", "6") if span == "*" and step else span.partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            parts.append(part)
            continue
        end = int(last) if dash else (6 if step else int(first))
        days = range(int(first), end + 1, int(step or 1))
        if not days or days[-1] > 7:
            raise ValueError(f'"{part}" is no weekday; allowed: 0 to 7 (0 and 7 are Sunday) or sun to sat')
        parts.extend(_WEEKDAYS[day] for day in days)
    return ",".join(parts)
