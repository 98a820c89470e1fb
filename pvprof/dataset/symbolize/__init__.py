"""Names of the functions of programs, looked up in their files when a recording is complete.

``user_symbols`` adds them to a recording, ``code_files`` finds the files, ``elf`` reads them.
"""
