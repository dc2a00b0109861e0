"""An independent second opinion on a plan: it never imports the options, the money or the program."""
