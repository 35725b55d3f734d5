cat >case.pl <<'END'
use strict; use warnings;
my %count;
$count{ ($_ * 7919) % 1009 }++ for 1 .. 300000;
print join(" ", map { "$_=$count{$_}" } (sort { $a <=> $b } keys %count)[0 .. 4]), "\n";
my $text = join ",", 1 .. 50000;
$text =~ s/(\d)(\d)/$2$1/g;
print length($text), " ", unpack("%32C*", $text), "\n";
pipe(my $in, my $out) or die;
my $child = fork();
if ($child == 0) { close $in; print $out "from the child\n"; exit 9; }
close $out;
print scalar <$in>;
waitpid($child, 0);
print $? >> 8, "\n";
local $SIG{ALRM} = sub { die "alarm\n" };
eval { alarm 1; select(undef, undef, undef, 10); };
print $@;
print `echo from a shell`;
open(my $list, "-|", "seq 1 3") or die; print <$list>; close $list;
exit 4;
END
perl case.pl
