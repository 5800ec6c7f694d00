"""The server programs: found where someone installed them, assembled where nobody did.

`find` is on the path of every `rfdata up` and imports next to nothing; `install` brings what is
missing and is only loaded by who asks for it.
"""
