module completions {

  def "nu-complete kache color" [] {
    [ "auto" "always" "never" ]
  }

  # A build cache for Rust
  export extern kache [
    --color: string@"nu-complete kache color" # When to use colors
    --help(-h)                # Print help (see more with '--help')
    --version(-V)             # Print version
  ]

  def "nu-complete kache init wrapper_path" [] {
    [ "auto" "name" "abs" ]
  }

  def "nu-complete kache init color" [] {
    [ "auto" "always" "never" ]
  }

  # Configure cargo to use kache, and verify it
  export extern "kache init" [
    --yes(-y)                 # Apply the changes without asking
    --dry-run                 # Show the changes without making them; exit with 2 if there are any
    --check                   # Show the changes without making them; exit with 2 if there are any
    --verbose(-v)             # Show the content of new files, too
    --json                    # Print one JSON object instead of text; requires -y or --dry-run
    --no-service              # Do not install the login service
    --linger                  # Start the service at boot instead of at login, for machines that build with no user logged in
    --wrapper-path: string@"nu-complete kache init wrapper_path" # How the cargo configuration refers to kache
    --undo                    # Revert the changes of earlier runs of init
    --allow-root              # Allow running as root through sudo
    --color: string@"nu-complete kache init color" # When to use colors
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kache doctor color" [] {
    [ "auto" "always" "never" ]
  }

  # Check the installation and fix problems
  export extern "kache doctor" [
    --fix                     # Fix problems, after showing the changes
    --project                 # Also change files of the current repository that configure sccache
    --purge-sccache           # Also remove the local cache of sccache
    --yes(-y)                 # Apply the changes without asking
    --dry-run                 # Show the fixes without making them; exit with 2 if there are any
    --check                   # Show the fixes without making them; exit with 2 if there are any
    --verify                  # Verify the content of the whole store, and quarantine what was altered
    --rebuild-index           # Rebuild the index from the store
    --online                  # Also check for a newer release, and whether the remote can be used; only this uses the network
    --report                  # Print a report for bug reports, without the names of the user, home directory and project
    --verbose(-v)             # Show all checks, not only notes and problems
    --json                    # Print one JSON object instead of text; with --fix, requires -y or --dry-run
    --color: string@"nu-complete kache doctor color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache stats color" [] {
    [ "auto" "always" "never" ]
  }

  # Show cache statistics: hits, misses, time saved, and disk usage
  export extern "kache stats" [
    --since: string           # Only builds within this time, such as 24h or 7d; records are kept for 30 days
    --json                    # Print one JSON object instead of tables
    --color: string@"nu-complete kache stats color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache report format" [] {
    [ "text" "json" "markdown" "github" "html" ]
  }

  def "nu-complete kache report color" [] {
    [ "auto" "always" "never" ]
  }

  # Report what the cache was worth: as text, JSON, Markdown, or a page with a timeline
  export extern "kache report" [
    --format: string@"nu-complete kache report format" # The form of the report
    --since: string           # Only builds within this time, such as 24h or 7d; records are kept for 30 days
    --last-build              # Only the last build
    --output: path            # Write the report to this file instead of standard output
    --json                    # Print one JSON object instead of text: another spelling of --format json
    --color: string@"nu-complete kache report color" # When to use colors
    --help(-h)                # Print help (see more with '--help')
  ]

  def "nu-complete kache monitor color" [] {
    [ "auto" "always" "never" ]
  }

  # Show what kache does while a build runs
  export extern "kache monitor" [
    --since: string           # Show builds within this time, such as 24h or 7d
    --once                    # Print the screen once, as text, and exit
    --json                    # Print one JSON object per line instead of text
    --color: string@"nu-complete kache monitor color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache list sort" [] {
    [ "name" "size" "hits" "age" ]
  }

  def "nu-complete kache list color" [] {
    [ "auto" "always" "never" ]
  }

  # List the entries of the store
  export extern "kache list" [
    --crate-name: string      # The crate or package: another spelling of CRATE
    --sort: string@"nu-complete kache list sort" # Sort order
    --inputs                  # Show the inputs of each entry and how they were learned, instead of its size
    --json                    # Print one JSON object instead of a table
    --color: string@"nu-complete kache list color" # When to use colors
    --help(-h)                # Print help (see more with '--help')
    positional?: string       # The crate or package
  ]

  def "nu-complete kache why-miss color" [] {
    [ "auto" "always" "never" ]
  }

  # Explain why crates were not served from the cache: one, or those of the last build
  export extern "kache why-miss" [
    --crate-name: string      # The crate or package: another spelling of CRATE
    --json                    # Print one JSON object instead of text
    --color: string@"nu-complete kache why-miss color" # When to use colors
    --help(-h)                # Print help
    positional?: string       # The crate or package
  ]

  def "nu-complete kache gc color" [] {
    [ "auto" "always" "never" ]
  }

  # Reduce the store to its size limit, and remove unreferenced files
  export extern "kache gc" [
    --max-age: string         # Also remove entries unused for this long, such as 7d
    --grace: string           # Keep entries made or used within this time, which a running build may need
    --dry-run                 # Show what would be removed, without removing anything
    --check                   # Show what would be removed, without removing anything
    --json                    # Print one JSON object instead of text
    --automatic               # Started by a build: print nothing, and do nothing unless needed
    --color: string@"nu-complete kache gc color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache harvest color" [] {
    [ "auto" "always" "never" ]
  }

  # Keep what cargo wrote in the last build, to fill new build directories with it
  export extern "kache harvest" [
    --json                    # Print one JSON object instead of text
    --automatic               # Started by a build: wait for its end, and print nothing
    --color: string@"nu-complete kache harvest color" # When to use colors
    --help(-h)                # Print help
    target?: path             # The build directory [default: `target` in this directory, or CARGO_TARGET_DIR]
  ]

  def "nu-complete kache purge color" [] {
    [ "auto" "always" "never" ]
  }

  # Remove all entries, or those of one crate
  export extern "kache purge" [
    --crate-name: string      # The crate or package: another spelling of CRATE
    --dry-run                 # Show what would be removed, without removing anything
    --check                   # Show what would be removed, without removing anything
    --json                    # Print one JSON object instead of text
    --color: string@"nu-complete kache purge color" # When to use colors
    --help(-h)                # Print help
    positional?: string       # The crate or package
  ]

  def "nu-complete kache clean color" [] {
    [ "auto" "always" "never" ]
  }

  # Remove build directories of cargo: by choice, unused ones, or those of deleted projects
  export extern "kache clean" [
    --dry-run                 # Show what would be removed, without removing anything
    --check                   # Show what would be removed, without removing anything
    --stale: string           # Choose build directories that were not used for this long, such as 14d
    --orphans                 # Choose build directories whose projects are gone
    --all                     # Choose all build directories
    --yes(-y)                 # Remove what is chosen without asking; requires --stale, --orphans or --all
    --json                    # Print one JSON object instead of text; requires -y or --dry-run
    --color: string@"nu-complete kache clean color" # When to use colors
    --help(-h)                # Print help
    ...paths: path            # Search these directories; by default, where builds were recorded, and the workspace here
  ]

  def "nu-complete kache sync color" [] {
    [ "auto" "always" "never" ]
  }

  # Share entries with other machines through the remote
  export extern "kache sync" [
    --pull                    # Fetch entries from the remote
    --push                    # Send entries to the remote
    --all                     # Transfer everything, not only what this workspace can use
    --dry-run                 # Show what would be transferred, without transferring anything
    --check                   # Show what would be transferred, without transferring anything
    --json                    # Print one JSON object instead of text
    --color: string@"nu-complete kache sync color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache save-manifest color" [] {
    [ "auto" "always" "never" ]
  }

  # Share what the last build consisted of, so that others can fill new build directories with it
  export extern "kache save-manifest" [
    --namespace: string       # The namespace to share it in [default: `cache.remote.namespace`]
    --json                    # Print one JSON object instead of text
    --color: string@"nu-complete kache save-manifest color" # When to use colors
    --help(-h)                # Print help
    target?: path             # The build directory [default: `target` in this directory, or CARGO_TARGET_DIR]
  ]

  def "nu-complete kache remote color" [] {
    [ "auto" "always" "never" ]
  }

  # Manage keys for the remote
  export extern "kache remote" [
    --color: string@"nu-complete kache remote color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache remote keygen color" [] {
    [ "auto" "always" "never" ]
  }

  # Create a key pair to sign entries with
  export extern "kache remote keygen" [
    --file: path              # Where to write the secret key [default: kache/remote.key in the user's configuration directory]
    --json                    # Print one JSON object instead of text
    --color: string@"nu-complete kache remote keygen color" # When to use colors
    --help(-h)                # Print help
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "kache remote help" [
  ]

  # Create a key pair to sign entries with
  export extern "kache remote help keygen" [
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "kache remote help help" [
  ]

  def "nu-complete kache uninstall color" [] {
    [ "auto" "always" "never" ]
  }

  # Restore the cargo configuration, and remove what init created
  export extern "kache uninstall" [
    --yes(-y)                 # Apply the changes without asking
    --dry-run                 # Show the changes without making them; exit with 2 if there are any
    --check                   # Show the changes without making them; exit with 2 if there are any
    --verbose(-v)             # Show the content of new files, too
    --json                    # Print one JSON object instead of text; requires -y or --dry-run
    --purge                   # Also remove the store, the records, and the journal of changes
    --self                    # Also remove this program, if kache's installer put it here
    --allow-root              # Allow running as root through sudo
    --by-installer            # Called by an installer, which removes the program next
    --color: string@"nu-complete kache uninstall color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache self-update color" [] {
    [ "auto" "always" "never" ]
  }

  # Update kache to the latest release
  export extern "kache self-update" [
    --yes(-y)                 # Apply the changes without asking
    --dry-run                 # Show the changes without making them; exit with 2 if there are any
    --check                   # Show the changes without making them; exit with 2 if there are any
    --verbose(-v)             # Show the content of new files, too
    --json                    # Print one JSON object instead of text; requires -y or --dry-run
    --color: string@"nu-complete kache self-update color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache config color" [] {
    [ "auto" "always" "never" ]
  }

  # Show the settings in effect and where they come from
  export extern "kache config" [
    --json                    # Print one JSON object instead of a table
    --color: string@"nu-complete kache config color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache config get color" [] {
    [ "auto" "always" "never" ]
  }

  # Print the value of one setting
  export extern "kache config get" [
    --json                    # Print one JSON object instead of the value
    --color: string@"nu-complete kache config get color" # When to use colors
    --help(-h)                # Print help
    key: string               # The setting, with or without `cache.`
  ]

  def "nu-complete kache config set color" [] {
    [ "auto" "always" "never" ]
  }

  # Set a setting in the user's configuration file, or in the project's
  export extern "kache config set" [
    --project                 # Change the project's .kache.toml instead of the user's file
    --dry-run                 # Show the change without making it; exit with 2 if there is any
    --check                   # Show the change without making it; exit with 2 if there is any
    --json                    # Print one JSON object instead of text
    --color: string@"nu-complete kache config set color" # When to use colors
    --help(-h)                # Print help
    key: string               # The setting, with or without `cache.`
    value: string             # Its value; for a list, names with commas between them
  ]

  def "nu-complete kache config unset color" [] {
    [ "auto" "always" "never" ]
  }

  # Remove a setting from the user's configuration file, or from the project's
  export extern "kache config unset" [
    --project                 # Change the project's .kache.toml instead of the user's file
    --dry-run                 # Show the change without making it; exit with 2 if there is any
    --check                   # Show the change without making it; exit with 2 if there is any
    --json                    # Print one JSON object instead of text
    --color: string@"nu-complete kache config unset color" # When to use colors
    --help(-h)                # Print help
    key: string               # The setting, with or without `cache.`
  ]

  def "nu-complete kache config undo color" [] {
    [ "auto" "always" "never" ]
  }

  # Take back the last change of a configuration file that was made with these commands
  export extern "kache config undo" [
    --dry-run                 # Show the change without making it; exit with 2 if there is any
    --check                   # Show the change without making it; exit with 2 if there is any
    --json                    # Print one JSON object instead of text
    --color: string@"nu-complete kache config undo color" # When to use colors
    --help(-h)                # Print help
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "kache config help" [
  ]

  # Print the value of one setting
  export extern "kache config help get" [
  ]

  # Set a setting in the user's configuration file, or in the project's
  export extern "kache config help set" [
  ]

  # Remove a setting from the user's configuration file, or from the project's
  export extern "kache config help unset" [
  ]

  # Take back the last change of a configuration file that was made with these commands
  export extern "kache config help undo" [
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "kache config help help" [
  ]

  def "nu-complete kache daemon color" [] {
    [ "auto" "always" "never" ]
  }

  # Manage the daemon
  export extern "kache daemon" [
    --json                    # Print one JSON object instead of a table
    --color: string@"nu-complete kache daemon color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache daemon run supervised" [] {
    [ "systemd" "launchd" "task" "openrc" "rc.d" ]
  }

  def "nu-complete kache daemon run color" [] {
    [ "auto" "always" "never" ]
  }

  # Run the daemon in the foreground
  export extern "kache daemon run" [
    --supervised: string@"nu-complete kache daemon run supervised" # The supervisor that restarts the daemon
    --exe: path               # The path to watch for another version
    --handover: string        # The state handed over by the previous version
    --color: string@"nu-complete kache daemon run color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache daemon status color" [] {
    [ "auto" "always" "never" ]
  }

  # Show the status of the daemon (the default)
  export extern "kache daemon status" [
    --json                    # Print one JSON object instead of a table
    --color: string@"nu-complete kache daemon status color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache daemon start color" [] {
    [ "auto" "always" "never" ]
  }

  # Start the daemon, unless it is running
  export extern "kache daemon start" [
    --for-build               # Start it only where a build may: not where a service does, or somebody stopped it
    --color: string@"nu-complete kache daemon start color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache daemon stop color" [] {
    [ "auto" "always" "never" ]
  }

  # Stop the daemon, after it has sent what is queued for the remote
  export extern "kache daemon stop" [
    --color: string@"nu-complete kache daemon stop color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache daemon restart color" [] {
    [ "auto" "always" "never" ]
  }

  # Restart the daemon without dropping requests
  export extern "kache daemon restart" [
    --color: string@"nu-complete kache daemon restart color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache daemon install color" [] {
    [ "auto" "always" "never" ]
  }

  # Install the daemon as a login service, and start it
  export extern "kache daemon install" [
    --dry-run                 # Show the changes without making them; exit with 2 if there are any
    --check                   # Show the changes without making them; exit with 2 if there are any
    --verbose(-v)             # Show the content of new files, too
    --json                    # Print one JSON object instead of text
    --system                  # Install a system service for a build server, which starts with the machine; requires root
    --user: string            # The service account that runs the builds and the daemon
    --color: string@"nu-complete kache daemon install color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache daemon uninstall color" [] {
    [ "auto" "always" "never" ]
  }

  # Stop the daemon, and remove the login service
  export extern "kache daemon uninstall" [
    --dry-run                 # Show the changes without making them; exit with 2 if there are any
    --check                   # Show the changes without making them; exit with 2 if there are any
    --verbose(-v)             # Show the content of new files, too
    --json                    # Print one JSON object instead of text
    --system                  # Remove the system service; requires root
    --color: string@"nu-complete kache daemon uninstall color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache daemon log color" [] {
    [ "auto" "always" "never" ]
  }

  # Print the end of the log
  export extern "kache daemon log" [
    --lines(-n): string       # Number of lines
    --color: string@"nu-complete kache daemon log color" # When to use colors
    --help(-h)                # Print help
  ]

  def "nu-complete kache daemon preflight color" [] {
    [ "auto" "always" "never" ]
  }

  # Check that this binary can run here, and print its version
  export extern "kache daemon preflight" [
    --color: string@"nu-complete kache daemon preflight color" # When to use colors
    --help(-h)                # Print help
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "kache daemon help" [
  ]

  # Run the daemon in the foreground
  export extern "kache daemon help run" [
  ]

  # Show the status of the daemon (the default)
  export extern "kache daemon help status" [
  ]

  # Start the daemon, unless it is running
  export extern "kache daemon help start" [
  ]

  # Stop the daemon, after it has sent what is queued for the remote
  export extern "kache daemon help stop" [
  ]

  # Restart the daemon without dropping requests
  export extern "kache daemon help restart" [
  ]

  # Install the daemon as a login service, and start it
  export extern "kache daemon help install" [
  ]

  # Stop the daemon, and remove the login service
  export extern "kache daemon help uninstall" [
  ]

  # Print the end of the log
  export extern "kache daemon help log" [
  ]

  # Check that this binary can run here, and print its version
  export extern "kache daemon help preflight" [
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "kache daemon help help" [
  ]

  def "nu-complete kache try color" [] {
    [ "auto" "always" "never" ]
  }

  # Build a workspace with and without kache in a temporary directory, and compare
  export extern "kache try" [
    --release                 # Build with optimizations
    --json                    # Print one JSON object instead of a table
    --keep                    # Keep the temporary directory, with the store and the last build
    --remove-after: path      # Remove the temporary directory DIR when standard input ends
    --color: string@"nu-complete kache try color" # When to use colors
    --help(-h)                # Print help
    path?: path               # A directory in the workspace to build; by default, a small workspace bundled with kache
  ]

  def "nu-complete kache completions shell" [] {
    [ "bash" "elvish" "fish" "nushell" "powershell" "zsh" ]
  }

  def "nu-complete kache completions color" [] {
    [ "auto" "always" "never" ]
  }

  # Generate shell completions
  export extern "kache completions" [
    --color: string@"nu-complete kache completions color" # When to use colors
    --help(-h)                # Print help
    shell: string@"nu-complete kache completions shell" # The shell to generate completions for
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "kache help" [
  ]

  # Configure cargo to use kache, and verify it
  export extern "kache help init" [
  ]

  # Check the installation and fix problems
  export extern "kache help doctor" [
  ]

  # Show cache statistics: hits, misses, time saved, and disk usage
  export extern "kache help stats" [
  ]

  # Report what the cache was worth: as text, JSON, Markdown, or a page with a timeline
  export extern "kache help report" [
  ]

  # Show what kache does while a build runs
  export extern "kache help monitor" [
  ]

  # List the entries of the store
  export extern "kache help list" [
  ]

  # Explain why crates were not served from the cache: one, or those of the last build
  export extern "kache help why-miss" [
  ]

  # Reduce the store to its size limit, and remove unreferenced files
  export extern "kache help gc" [
  ]

  # Keep what cargo wrote in the last build, to fill new build directories with it
  export extern "kache help harvest" [
  ]

  # Remove all entries, or those of one crate
  export extern "kache help purge" [
  ]

  # Remove build directories of cargo: by choice, unused ones, or those of deleted projects
  export extern "kache help clean" [
  ]

  # Share entries with other machines through the remote
  export extern "kache help sync" [
  ]

  # Share what the last build consisted of, so that others can fill new build directories with it
  export extern "kache help save-manifest" [
  ]

  # Manage keys for the remote
  export extern "kache help remote" [
  ]

  # Create a key pair to sign entries with
  export extern "kache help remote keygen" [
  ]

  # Restore the cargo configuration, and remove what init created
  export extern "kache help uninstall" [
  ]

  # Update kache to the latest release
  export extern "kache help self-update" [
  ]

  # Show the settings in effect and where they come from
  export extern "kache help config" [
  ]

  # Print the value of one setting
  export extern "kache help config get" [
  ]

  # Set a setting in the user's configuration file, or in the project's
  export extern "kache help config set" [
  ]

  # Remove a setting from the user's configuration file, or from the project's
  export extern "kache help config unset" [
  ]

  # Take back the last change of a configuration file that was made with these commands
  export extern "kache help config undo" [
  ]

  # Manage the daemon
  export extern "kache help daemon" [
  ]

  # Run the daemon in the foreground
  export extern "kache help daemon run" [
  ]

  # Show the status of the daemon (the default)
  export extern "kache help daemon status" [
  ]

  # Start the daemon, unless it is running
  export extern "kache help daemon start" [
  ]

  # Stop the daemon, after it has sent what is queued for the remote
  export extern "kache help daemon stop" [
  ]

  # Restart the daemon without dropping requests
  export extern "kache help daemon restart" [
  ]

  # Install the daemon as a login service, and start it
  export extern "kache help daemon install" [
  ]

  # Stop the daemon, and remove the login service
  export extern "kache help daemon uninstall" [
  ]

  # Print the end of the log
  export extern "kache help daemon log" [
  ]

  # Check that this binary can run here, and print its version
  export extern "kache help daemon preflight" [
  ]

  # Build a workspace with and without kache in a temporary directory, and compare
  export extern "kache help try" [
  ]

  # Generate shell completions
  export extern "kache help completions" [
  ]

  # Print this message or the help of the given subcommand(s)
  export extern "kache help help" [
  ]

}

export use completions *
