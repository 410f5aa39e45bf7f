module completions {

  # A build cache for Rust: a second build of the same thing costs almost nothing
  export extern kache [
    --help(-h)                # Print help (see more with '--help')
    --version(-V)             # Print version
  ]

  def "nu-complete kache init wrapper_path" [] {
    [ "auto" "name" "abs" ]
  }

  # Have cargo call kache, and prove that it does
  export extern "kache init" [
    --yes(-y)                 # Do it without asking
    --check                   # Show what would be done, and do nothing; ends with 2 if there is something to do
    --dry-run                 # Show what would be done, and do nothing; ends with 2 if there is something to do
    --json                    # Print one JSON object instead of text; asks nothing, so it goes with -y or --check
    --no-service              # Leave the login service out
    --linger                  # Start the service when the machine starts, and not at login: for machines that build with nobody logged in
    --wrapper-path: string@"nu-complete kache init wrapper_path" # How cargo's configuration names this program
    --undo                    # Take back what earlier runs of init did
    --allow-root              # Go on as root in the place of another user (sudo)
    --help(-h)                # Print help (see more with '--help')
  ]

  # Check whether all is well, and put right what is not
  export extern "kache doctor" [
    --fix                     # Put right what can be, after showing what would be done
    --project                 # Change files of the repository here as well, where they set sccache
    --purge-sccache           # Remove sccache's own cache from this disk as well
    --yes(-y)                 # Do it without asking
    --check                   # Show what would be put right, and do nothing; ends with 2 if there is something
    --dry-run                 # Show what would be put right, and do nothing; ends with 2 if there is something
    --verify                  # Read the whole store again, and take out of service what is not as it was stored
    --rebuild-index           # Make the index anew from the store
    --online                  # Ask for the newest release as well; nothing else leaves this machine
    --report                  # Print what to send along with a report of a defect: without the names of the user, the home and the project
    --json                    # Print one JSON object instead of text; asks nothing, so --fix then goes with -y or --check
    --help(-h)                # Print help
  ]

  # Show what the cache did: hits, misses and why, time saved, bytes, the store's size
  export extern "kache stats" [
    --since: string           # Only what happened within this time, such as 24h or 7d; records are kept for 30 days
    --json                    # Print one JSON object instead of tables
    --help(-h)                # Print help
  ]

  def "nu-complete kache list sort" [] {
    [ "name" "size" "hits" "age" ]
  }

  # List what is in the store
  export extern "kache list" [
    --sort: string@"nu-complete kache list sort" # In which order
    --inputs                  # Show what each entry depends on and how that was learnt, instead of how large it is
    --json                    # Print one JSON object instead of a table
    --help(-h)                # Print help (see more with '--help')
    name?: string             # Only entries of this crate or package
  ]

  # Tell why a crate was compiled and not served from the store
  export extern "kache why-miss" [
    --json                    # Print one JSON object instead of text
    --help(-h)                # Print help
    name: string              # The crate or package
  ]

  # Remove what was not used for longest, and what nothing refers to
  export extern "kache gc" [
    --max-age: string         # Remove entries that were not used for this long, such as 7d, even if there is room for them
    --grace: string           # Keep what was made or used within this time: a build that is running may need it
    --dry-run                 # Show what would be removed, and remove nothing
    --json                    # Print one JSON object instead of text
    --automatic               # Started by a build: say nothing, and do nothing unless there is a need
    --help(-h)                # Print help
  ]

  # Remove everything, or all of one crate
  export extern "kache purge" [
    --crate-name: string      # Only the entries of this crate or package
    --dry-run                 # Show what would be removed, and remove nothing
    --json                    # Print one JSON object instead of text
    --help(-h)                # Print help
  ]

  # Have cargo call the compiler alone again, and remove what init made
  export extern "kache uninstall" [
    --yes(-y)                 # Do it without asking
    --check                   # Show what would be done, and do nothing; ends with 2 if there is something to do
    --dry-run                 # Show what would be done, and do nothing; ends with 2 if there is something to do
    --json                    # Print one JSON object instead of text; asks nothing, so it goes with -y or --check
    --purge                   # Remove the store, the records, and the journal of what was changed as well
    --allow-root              # Go on as root in the place of another user (sudo)
    --help(-h)                # Print help
  ]

  # Replace this program by the newest release, if the installer put it here
  export extern "kache self-update" [
    --yes(-y)                 # Do it without asking
    --check                   # Show what would be done, and do nothing; ends with 2 if there is something to do
    --dry-run                 # Show what would be done, and do nothing; ends with 2 if there is something to do
    --json                    # Print one JSON object instead of text; asks nothing, so it goes with -y or --check
    --help(-h)                # Print help
  ]

  # Show every setting, its value, and where it came from
  export extern "kache config" [
    --json                    # Print one JSON object instead of a table
    --help(-h)                # Print help
  ]

  # Show how the daemon is; start and stop it
  export extern "kache daemon" [
    --json                    # Print one JSON object instead of a table
    --help(-h)                # Print help
  ]

  def "nu-complete kache daemon run supervised" [] {
    [ "systemd" "launchd" "task" ]
  }

  # Run the daemon here, until it is stopped
  export extern "kache daemon run" [
    --supervised: string@"nu-complete kache daemon run supervised" # Who starts it again when it ends
    --exe: path               # The path to look at for another version
    --handover: string        # What the version before this one passed on
    --help(-h)                # Print help
  ]

  # Show how it is, as `kache daemon` alone does
  export extern "kache daemon status" [
    --json                    # Print one JSON object instead of a table
    --help(-h)                # Print help
  ]

  # Start it, if it does not run
  export extern "kache daemon start" [
    --help(-h)                # Print help
  ]

  # Stop it
  export extern "kache daemon stop" [
    --help(-h)                # Print help
  ]

  # Start its program anew; requests that come meanwhile wait and are answered
  export extern "kache daemon restart" [
    --help(-h)                # Print help
  ]

  # Start it at every login, and now
  export extern "kache daemon install" [
    --dry-run                 # Show what would be changed, and change nothing; ends with 2 if there is something to change
    --check                   # Show what would be changed, and change nothing; ends with 2 if there is something to change
    --json                    # Print one JSON object instead of text
    --help(-h)                # Print help
  ]

  # Stop starting it at login, and end it
  export extern "kache daemon uninstall" [
    --dry-run                 # Show what would be changed, and change nothing; ends with 2 if there is something to change
    --check                   # Show what would be changed, and change nothing; ends with 2 if there is something to change
    --json                    # Print one JSON object instead of text
    --help(-h)                # Print help
  ]

  # Print the end of its log
  export extern "kache daemon log" [
    --lines(-n): string       # How many lines
    --help(-h)                # Print help
  ]

  # Say that this binary can run here, and what it is
  export extern "kache daemon preflight" [
    --help(-h)                # Print help
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "kache daemon help" [
  ]

  # Run the daemon here, until it is stopped
  export extern "kache daemon help run" [
  ]

  # Show how it is, as `kache daemon` alone does
  export extern "kache daemon help status" [
  ]

  # Start it, if it does not run
  export extern "kache daemon help start" [
  ]

  # Stop it
  export extern "kache daemon help stop" [
  ]

  # Start its program anew; requests that come meanwhile wait and are answered
  export extern "kache daemon help restart" [
  ]

  # Start it at every login, and now
  export extern "kache daemon help install" [
  ]

  # Stop starting it at login, and end it
  export extern "kache daemon help uninstall" [
  ]

  # Print the end of its log
  export extern "kache daemon help log" [
  ]

  # Say that this binary can run here, and what it is
  export extern "kache daemon help preflight" [
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "kache daemon help help" [
  ]

  # Build a workspace with and without kache in a temporary directory, and compare
  export extern "kache try" [
    --release                 # Build with optimizations
    --json                    # Print one JSON object instead of a table
    --keep                    # Leave the temporary directory where it is, with the store and the last build
    --remove-after: path      # Remove the temporary directory DIR when standard input ends
    --help(-h)                # Print help
    path?: path               # A directory in the workspace to build; without it, a small workspace that is part of this program is built
  ]

  def "nu-complete kache completions shell" [] {
    [ "bash" "elvish" "fish" "nushell" "powershell" "zsh" ]
  }

  # Print what a shell needs to complete these commands
  export extern "kache completions" [
    --help(-h)                # Print help
    shell: string@"nu-complete kache completions shell" # The shell to complete for
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "kache help" [
  ]

  # Have cargo call kache, and prove that it does
  export extern "kache help init" [
  ]

  # Check whether all is well, and put right what is not
  export extern "kache help doctor" [
  ]

  # Show what the cache did: hits, misses and why, time saved, bytes, the store's size
  export extern "kache help stats" [
  ]

  # List what is in the store
  export extern "kache help list" [
  ]

  # Tell why a crate was compiled and not served from the store
  export extern "kache help why-miss" [
  ]

  # Remove what was not used for longest, and what nothing refers to
  export extern "kache help gc" [
  ]

  # Remove everything, or all of one crate
  export extern "kache help purge" [
  ]

  # Have cargo call the compiler alone again, and remove what init made
  export extern "kache help uninstall" [
  ]

  # Replace this program by the newest release, if the installer put it here
  export extern "kache help self-update" [
  ]

  # Show every setting, its value, and where it came from
  export extern "kache help config" [
  ]

  # Show how the daemon is; start and stop it
  export extern "kache help daemon" [
  ]

  # Run the daemon here, until it is stopped
  export extern "kache help daemon run" [
  ]

  # Show how it is, as `kache daemon` alone does
  export extern "kache help daemon status" [
  ]

  # Start it, if it does not run
  export extern "kache help daemon start" [
  ]

  # Stop it
  export extern "kache help daemon stop" [
  ]

  # Start its program anew; requests that come meanwhile wait and are answered
  export extern "kache help daemon restart" [
  ]

  # Start it at every login, and now
  export extern "kache help daemon install" [
  ]

  # Stop starting it at login, and end it
  export extern "kache help daemon uninstall" [
  ]

  # Print the end of its log
  export extern "kache help daemon log" [
  ]

  # Say that this binary can run here, and what it is
  export extern "kache help daemon preflight" [
  ]

  # Build a workspace with and without kache in a temporary directory, and compare
  export extern "kache help try" [
  ]

  # Print what a shell needs to complete these commands
  export extern "kache help completions" [
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "kache help help" [
  ]

}

export use completions *
