"""Questions become answers. Imports `snapshot`, `records` and `wire`. Begin with `answer.answer`, then `responder`."""
