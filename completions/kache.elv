
use builtin;
use str;

set edit:completion:arg-completer[kache] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'kache'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'kache'= {
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand init 'Have cargo call kache, and prove that it does'
            cand doctor 'Check whether all is well, and put right what is not'
            cand stats 'Show what the cache did: hits, misses and why, time saved, bytes, the store''s size'
            cand list 'List what is in the store'
            cand why-miss 'Tell why a crate was compiled and not served from the store'
            cand gc 'Remove what was not used for longest, and what nothing refers to'
            cand purge 'Remove everything, or all of one crate'
            cand uninstall 'Have cargo call the compiler alone again, and remove what init made'
            cand self-update 'Replace this program by the newest release, if the installer put it here'
            cand config 'Show every setting, its value, and where it came from'
            cand daemon 'Show how the daemon is; start and stop it'
            cand try 'Build a workspace with and without kache in a temporary directory, and compare'
            cand completions 'Print what a shell needs to complete these commands'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kache;init'= {
            cand --wrapper-path 'How cargo''s configuration names this program'
            cand -y 'Do it without asking'
            cand --yes 'Do it without asking'
            cand --check 'Show what would be done, and do nothing; ends with 2 if there is something to do'
            cand --dry-run 'Show what would be done, and do nothing; ends with 2 if there is something to do'
            cand --json 'Print one JSON object instead of text; asks nothing, so it goes with -y or --check'
            cand --no-service 'Leave the login service out'
            cand --linger 'Start the service when the machine starts, and not at login: for machines that build with nobody logged in'
            cand --undo 'Take back what earlier runs of init did'
            cand --allow-root 'Go on as root in the place of another user (sudo)'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'kache;doctor'= {
            cand --fix 'Put right what can be, after showing what would be done'
            cand --project 'Change files of the repository here as well, where they set sccache'
            cand --purge-sccache 'Remove sccache''s own cache from this disk as well'
            cand -y 'Do it without asking'
            cand --yes 'Do it without asking'
            cand --check 'Show what would be put right, and do nothing; ends with 2 if there is something'
            cand --dry-run 'Show what would be put right, and do nothing; ends with 2 if there is something'
            cand --verify 'Read the whole store again, and take out of service what is not as it was stored'
            cand --rebuild-index 'Make the index anew from the store'
            cand --online 'Ask for the newest release as well; nothing else leaves this machine'
            cand --report 'Print what to send along with a report of a defect: without the names of the user, the home and the project'
            cand --json 'Print one JSON object instead of text; asks nothing, so --fix then goes with -y or --check'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;stats'= {
            cand --since 'Only what happened within this time, such as 24h or 7d; records are kept for 30 days'
            cand --json 'Print one JSON object instead of tables'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;list'= {
            cand --sort 'In which order'
            cand --inputs 'Show what each entry depends on and how that was learnt, instead of how large it is'
            cand --json 'Print one JSON object instead of a table'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
        }
        &'kache;why-miss'= {
            cand --json 'Print one JSON object instead of text'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;gc'= {
            cand --max-age 'Remove entries that were not used for this long, such as 7d, even if there is room for them'
            cand --grace 'Keep what was made or used within this time: a build that is running may need it'
            cand --dry-run 'Show what would be removed, and remove nothing'
            cand --json 'Print one JSON object instead of text'
            cand --automatic 'Started by a build: say nothing, and do nothing unless there is a need'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;purge'= {
            cand --crate-name 'Only the entries of this crate or package'
            cand --dry-run 'Show what would be removed, and remove nothing'
            cand --json 'Print one JSON object instead of text'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;uninstall'= {
            cand -y 'Do it without asking'
            cand --yes 'Do it without asking'
            cand --check 'Show what would be done, and do nothing; ends with 2 if there is something to do'
            cand --dry-run 'Show what would be done, and do nothing; ends with 2 if there is something to do'
            cand --json 'Print one JSON object instead of text; asks nothing, so it goes with -y or --check'
            cand --purge 'Remove the store, the records, and the journal of what was changed as well'
            cand --allow-root 'Go on as root in the place of another user (sudo)'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;self-update'= {
            cand -y 'Do it without asking'
            cand --yes 'Do it without asking'
            cand --check 'Show what would be done, and do nothing; ends with 2 if there is something to do'
            cand --dry-run 'Show what would be done, and do nothing; ends with 2 if there is something to do'
            cand --json 'Print one JSON object instead of text; asks nothing, so it goes with -y or --check'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;config'= {
            cand --json 'Print one JSON object instead of a table'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon'= {
            cand --json 'Print one JSON object instead of a table'
            cand -h 'Print help'
            cand --help 'Print help'
            cand run 'Run the daemon here, until it is stopped'
            cand status 'Show how it is, as `kache daemon` alone does'
            cand start 'Start it, if it does not run'
            cand stop 'Stop it'
            cand restart 'Start its program anew; requests that come meanwhile wait and are answered'
            cand install 'Start it at every login, and now'
            cand uninstall 'Stop starting it at login, and end it'
            cand log 'Print the end of its log'
            cand preflight 'Say that this binary can run here, and what it is'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kache;daemon;run'= {
            cand --supervised 'Who starts it again when it ends'
            cand --exe 'The path to look at for another version'
            cand --handover 'What the version before this one passed on'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;status'= {
            cand --json 'Print one JSON object instead of a table'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;start'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;stop'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;restart'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;install'= {
            cand --dry-run 'Show what would be changed, and change nothing; ends with 2 if there is something to change'
            cand --check 'Show what would be changed, and change nothing; ends with 2 if there is something to change'
            cand --json 'Print one JSON object instead of text'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;uninstall'= {
            cand --dry-run 'Show what would be changed, and change nothing; ends with 2 if there is something to change'
            cand --check 'Show what would be changed, and change nothing; ends with 2 if there is something to change'
            cand --json 'Print one JSON object instead of text'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;log'= {
            cand -n 'How many lines'
            cand --lines 'How many lines'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;preflight'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;daemon;help'= {
            cand run 'Run the daemon here, until it is stopped'
            cand status 'Show how it is, as `kache daemon` alone does'
            cand start 'Start it, if it does not run'
            cand stop 'Stop it'
            cand restart 'Start its program anew; requests that come meanwhile wait and are answered'
            cand install 'Start it at every login, and now'
            cand uninstall 'Stop starting it at login, and end it'
            cand log 'Print the end of its log'
            cand preflight 'Say that this binary can run here, and what it is'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kache;daemon;help;run'= {
        }
        &'kache;daemon;help;status'= {
        }
        &'kache;daemon;help;start'= {
        }
        &'kache;daemon;help;stop'= {
        }
        &'kache;daemon;help;restart'= {
        }
        &'kache;daemon;help;install'= {
        }
        &'kache;daemon;help;uninstall'= {
        }
        &'kache;daemon;help;log'= {
        }
        &'kache;daemon;help;preflight'= {
        }
        &'kache;daemon;help;help'= {
        }
        &'kache;try'= {
            cand --remove-after 'Remove the temporary directory DIR when standard input ends'
            cand --release 'Build with optimizations'
            cand --json 'Print one JSON object instead of a table'
            cand --keep 'Leave the temporary directory where it is, with the store and the last build'
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;completions'= {
            cand -h 'Print help'
            cand --help 'Print help'
        }
        &'kache;help'= {
            cand init 'Have cargo call kache, and prove that it does'
            cand doctor 'Check whether all is well, and put right what is not'
            cand stats 'Show what the cache did: hits, misses and why, time saved, bytes, the store''s size'
            cand list 'List what is in the store'
            cand why-miss 'Tell why a crate was compiled and not served from the store'
            cand gc 'Remove what was not used for longest, and what nothing refers to'
            cand purge 'Remove everything, or all of one crate'
            cand uninstall 'Have cargo call the compiler alone again, and remove what init made'
            cand self-update 'Replace this program by the newest release, if the installer put it here'
            cand config 'Show every setting, its value, and where it came from'
            cand daemon 'Show how the daemon is; start and stop it'
            cand try 'Build a workspace with and without kache in a temporary directory, and compare'
            cand completions 'Print what a shell needs to complete these commands'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'kache;help;init'= {
        }
        &'kache;help;doctor'= {
        }
        &'kache;help;stats'= {
        }
        &'kache;help;list'= {
        }
        &'kache;help;why-miss'= {
        }
        &'kache;help;gc'= {
        }
        &'kache;help;purge'= {
        }
        &'kache;help;uninstall'= {
        }
        &'kache;help;self-update'= {
        }
        &'kache;help;config'= {
        }
        &'kache;help;daemon'= {
            cand run 'Run the daemon here, until it is stopped'
            cand status 'Show how it is, as `kache daemon` alone does'
            cand start 'Start it, if it does not run'
            cand stop 'Stop it'
            cand restart 'Start its program anew; requests that come meanwhile wait and are answered'
            cand install 'Start it at every login, and now'
            cand uninstall 'Stop starting it at login, and end it'
            cand log 'Print the end of its log'
            cand preflight 'Say that this binary can run here, and what it is'
        }
        &'kache;help;daemon;run'= {
        }
        &'kache;help;daemon;status'= {
        }
        &'kache;help;daemon;start'= {
        }
        &'kache;help;daemon;stop'= {
        }
        &'kache;help;daemon;restart'= {
        }
        &'kache;help;daemon;install'= {
        }
        &'kache;help;daemon;uninstall'= {
        }
        &'kache;help;daemon;log'= {
        }
        &'kache;help;daemon;preflight'= {
        }
        &'kache;help;try'= {
        }
        &'kache;help;completions'= {
        }
        &'kache;help;help'= {
        }
    ]
    $completions[$command]
}
