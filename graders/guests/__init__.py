"""What runs inside the sandbox: one small trusted program per file, with a `main` that the sandbox calls.

    main(guest: Guest) -> None
        guest.settings        what the grader told
        guest.files           descriptors of the files to read, the upload first
        guest.seal()          from now on nothing can be opened: call it when all libraries are imported
        guest.send(note, arrays)   one frame to the grader
        guest.receive(bytes)  hidden inputs, after the first frame

Everything here runs beside what a participant made, which may take it over. So nothing here is believed: the grader
checks each frame as if the participant had written it.
"""
