"""An independent second opinion on a plan, without the options, the money or the program."""
