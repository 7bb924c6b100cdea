# Part of the stand-in beside it.
